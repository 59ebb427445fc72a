package io.ashlar.client.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.block.TestRequest;
import io.ashlar.base.status.Status;
import io.ashlar.client.fake.Attached;
import io.ashlar.client.fake.FakeNode;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A volume that an earlier process of this host had, whose acknowledged writes the node's machine may have lost since. */
class ContinuedVolumeTest {
    private final FakeNode node = new FakeNode(8 << 20, 512);
    private Attached attached;

    @AfterEach
    void detach() {
        attached.close();
        node.close();
    }

    private static TestRequest flush() {
        return TestRequest.of(Operation.FLUSH, 0, 0, 0);
    }

    private byte[] bootOfAnEarlierProcess() throws AttachException {
        try (Attached earlier = new Attached(node)) {
            return earlier.volume.nodeBootId();
        }
    }

    @Test
    void shouldFailWhenTheNodesMachineWasRestartedMeanwhile() throws Exception {
        byte[] before = bootOfAnEarlierProcess();
        node.reboot();
        attached = new Attached(node);
        attached.volume.continueFrom(before);
        assertThat(attached.volume.ended()).isEqualTo(Status.LOST_WRITES);
        assertThat(attached.run(0, flush())).isEqualTo(Status.LOST_WRITES);
    }

    @Test
    void shouldGoOnWhenTheNodesMachineStillRuns() throws Exception {
        byte[] before = bootOfAnEarlierProcess();
        attached = new Attached(node);
        attached.volume.continueFrom(before);
        assertThat(attached.run(0, flush())).isEqualTo(Status.OK);
    }

    @Test
    void shouldFailWhenTheNodesMachineIsRestartedBeforeTheFirstFlush() throws Exception {
        byte[] before = bootOfAnEarlierProcess();
        attached = new Attached(node);
        attached.volume.continueFrom(before);
        node.reboot();
        Attached.until(() -> attached.volume.ended() == Status.LOST_WRITES);
    }

    @Test
    void shouldGoOnWhenTheNodesMachineIsRestartedAfterTheFirstFlush() throws Exception {
        byte[] before = bootOfAnEarlierProcess();
        attached = new Attached(node);
        attached.volume.continueFrom(before);
        assertThat(attached.run(0, flush())).isEqualTo(Status.OK);
        node.reboot();
        assertThat(attached.run(0, flush())).isEqualTo(Status.OK);
    }

    @Test
    void shouldTellOfARestartThatHasLostNothing() throws Exception {
        attached = new Attached(node);
        byte[] before = attached.volume.nodeBootId();
        AtomicInteger told = new AtomicInteger();
        attached.volume.onNodeRestart(told::incrementAndGet);
        node.reboot();
        Attached.until(() -> told.get() > 0);
        assertThat(attached.volume.nodeBootId()).isNotEqualTo(before);
        assertThat(attached.run(0, flush())).isEqualTo(Status.OK);
    }
}
