package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.OpenAnswer;
import io.ashlar.protocol.message.OpenMode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BlockServiceTest {
    private static final long SIZE = 8 << 20;

    @TempDir
    Path folder;

    private NodeFixture node;
    private RawClient client;

    @BeforeEach
    void start() throws IOException {
        node = new NodeFixture(folder);
        client = RawClient.ready(node.address());
        assertThat(client.create("v", SIZE, 512).status()).isEqualTo(Status.OK);
    }

    @AfterEach
    void stop() throws IOException {
        client.close();
        node.close();
    }

    private int open() throws IOException {
        return client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0).getHandle();
    }

    @Test
    void shouldIntroduceItselfWhenAClientSaysHello() throws IOException {
        try (RawClient other = new RawClient(node.address())) {
            HelloAnswer hello = other.hello();
            assertThat(hello.getVersion()).isEqualTo(1);
            assertThat(hello.getInFlightMax()).isEqualTo(256);
            assertThat(hello.getNodeId().size()).isEqualTo(16);
            assertThat(hello.getBootId().size()).isEqualTo(16);
            assertThat(hello.getSoftware()).startsWith("ashlar/");
        }
    }

    @Test
    void shouldReadBackWhatWasWrittenWhenRangesAreAlignedOrNot() throws IOException {
        OpenAnswer opened = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0);
        assertThat(opened.getGeometry().getSizeBytes()).isEqualTo(SIZE);
        assertThat(opened.getEpoch()).isEqualTo(1);
        int handle = opened.getHandle();
        int[][] ranges = {{0, 4096}, {512, 512}, {4096 - 512, 1024}, {1 << 20, 1 << 20}, {(1 << 20) - 512, 512}};
        for (int[] range : ranges) {
            byte[] data = new byte[range[1]];
            new Random(range[0]).nextBytes(data);
            assertThat(client.write(handle, range[0], data)).isEqualTo(Status.OK);
            assertThat(client.read(handle, range[0], range[1])).isEqualTo(data);
        }
        assertThat(client.simple(Opcode.FLUSH, handle, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
    }
}
