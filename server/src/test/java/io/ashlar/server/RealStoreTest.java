package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.BlockStatusAnswer;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.server.config.ServerLimits;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The node on the real store. */
class RealStoreTest {
    private static final long SIZE = (64 << 20) + 512;

    @TempDir
    Path folder;

    private StorageNode start() throws IOException {
        return StorageNode.start(NodeFixture.config(folder, ServerLimits.DEFAULT));
    }

    @Test
    void shouldStillHaveVolumesAndDataWhenStoppedAndStartedAgain() throws IOException {
        byte[] data = new byte[1 << 20];
        new Random(1).nextBytes(data);
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", SIZE, 512).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            assertThat(client.write(handle, 1 << 20, data)).isEqualTo(Status.OK);
            assertThat(client.write(handle, SIZE - 512, new byte[512])).isEqualTo(Status.OK);
            assertThat(client.simple(Opcode.FLUSH, handle, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
            assertThat(client.read(handle, 1 << 20, 1 << 20)).isEqualTo(data);
        }
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            assertThat(client.read(handle, 1 << 20, 1 << 20)).isEqualTo(data);
            assertThat(client.read(handle, SIZE - 512, 512)).isEqualTo(new byte[512]);
        }
    }

    @Test
    void shouldTellAbsentZeroAndDataApartWhenAskedForBlockStatus() throws IOException {
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", 64 << 20, 4096).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            assertThat(client.write(handle, 0, new byte[8192])).isEqualTo(Status.OK);
            assertThat(client.simple(Opcode.WRITE_ZEROES, handle, 4096, 4096, FrameFlags.UNMAP | FrameFlags.FUA, 0)
                            .status())
                    .isEqualTo(Status.OK);
            RawClient.Frame answer = client.simple(Opcode.BLOCK_STATUS, handle, 0, 1 << 20, 0, 0);
            assertThat(answer.status()).isEqualTo(Status.OK);
            BlockStatusAnswer runs = answer.parse(BlockStatusAnswer.parser());
            assertThat(runs.getRuns(0).getState()).isEqualTo(BlockStatusAnswer.State.STATE_DATA);
            assertThat(runs.getRuns(0).getLengthBytes()).isEqualTo(4096);
            assertThat(runs.getRuns(1).getState()).isEqualTo(BlockStatusAnswer.State.STATE_ZERO);
            assertThat(runs.getRuns(2).getState()).isEqualTo(BlockStatusAnswer.State.STATE_ABSENT);
        }
    }
}
