package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.seed.TestSeed;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.OpenAnswer;
import io.ashlar.protocol.message.OpenMode;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real process, killed with signal 9. */
class KillTest {
    private static final int BLOCKS = 256;

    @TempDir
    Path folder;

    @Test
    void shouldStillHaveEveryAnsweredWriteAndTheAttachmentWhenKilled() throws Exception {
        long seed = TestSeed.get();
        Random random = new Random(seed);
        byte[][] expected = new byte[BLOCKS][4096];
        long epoch = 0;
        long incarnation = 0;
        HelloAnswer firstHello = null;
        for (int round = 0; round < 3; round++) {
            try (NodeProcess process = NodeProcess.start(folder);
                    RawClient client = new RawClient(process.address())) {
                HelloAnswer hello = client.hello();
                if (round == 0) {
                    firstHello = hello;
                    assertThat(client.create("v", 64 << 20, 4096).status()).isEqualTo(Status.OK);
                }
                assertThat(hello.getNodeId()).isEqualTo(firstHello.getNodeId());
                assertThat(hello.getBootId()).isEqualTo(firstHello.getBootId());
                assertThat(round > 0 && hello.getStartId().equals(firstHello.getStartId()))
                        .isFalse();
                OpenAnswer opened = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, epoch, 0);
                assertThat(opened.getIncarnation()).isGreaterThan(incarnation);
                assertThat(epoch == 0 || opened.getEpoch() == epoch).isTrue();
                epoch = opened.getEpoch();
                incarnation = opened.getIncarnation();
                for (int i = 0; i < BLOCKS; i++) {
                    assertThat(client.read(opened.getHandle(), i * 4096L, 4096))
                            .as("seed %d, round %d, block %d", seed, round, i)
                            .isEqualTo(expected[i]);
                }
                for (int i = 0; i < 500; i++) {
                    int block = random.nextInt(BLOCKS);
                    random.nextBytes(expected[block]);
                    assertThat(client.write(opened.getHandle(), block * 4096L, expected[block]))
                            .isEqualTo(Status.OK);
                }
                process.kill();
            }
        }
        try (NodeProcess process = NodeProcess.start(folder)) {
            assertThat(process.stop()).isZero();
        }
    }
}
