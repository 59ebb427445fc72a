package io.ashlar.vduse.vhost;

import static io.ashlar.vduse.vhost.FrontEndModel.payload;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The log of requests in flight that a front end keeps, and what is served again by it. */
class VhostLogTest extends VhostUserFixture {
    /** Connects a front end that keeps the log of requests in flight. */
    private FrontEndModel.Log connectWithLog() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, 2, 0);
        FrontEndModel.Log log = front.newLog(2);
        front.start(log);
        return log;
    }

    @Test
    void shouldServeAgainWhatWasInFlightWhenAFrontEndComesBackWithItsLog() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        for (int i = 0; i < 5; i++) {
            write(0, i, i + 1);
        }
        volume.arrivals.clear();
        volume.hold();
        int[] at = {
            offer(0, FrontEndModel.OUT, 7, 70), offer(0, FrontEndModel.OUT, 8, 80), offer(1, FrontEndModel.OUT, 9, 90)
        };
        for (int i = 0; i < at.length; i++) {
            volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        }
        front = front.again(path);
        front.negotiate();
        front.start(log);
        int unseen = offer(1, FrontEndModel.OUT, 10, 100);
        volume.letGo();
        front.awaitUsed(0);
        front.awaitUsed(0);
        front.awaitUsed(1);
        front.awaitUsed(1);
        for (int i = 0; i < at.length; i++) {
            assertThat(memory.memory().get(at[i] + 8192)).isZero();
            assertThat(volume.bytes().getByte((7 + i) * 4096)).isEqualTo((byte) (70 + 10 * i));
        }
        assertThat(memory.memory().get(unseen + 8192)).isZero();
        assertThat(front.rings.get(0).usedIdx()).isEqualTo(7);
        write(0, 20, 20);
        write(1, 21, 21);
        assertThat(front.base(0)).isEqualTo(8);
    }

    /** QEMU and Cloud Hypervisor disable a ring before they ask for its base. */
    @Test
    void shouldBeginTheLogAnewWhenTheBaseOfADisabledRingWasAsked() throws Exception {
        connectWithLog();
        write(0, 1, 1);
        assertThat(front.tell(FrontEndModel.SET_VRING_ENABLE, payload(0, 0))).isTrue();
        assertThat(front.base(0)).isEqualTo(1);
        front.rings.get(0).restart(0);
        front.describe(0, 0);
        front.enable(0);
        write(0, 2, 2);
        write(1, 3, 3);
    }

    /** A front end may give up between two rings, and ask for the bases of both. */
    @Test
    void shouldKeepWhatIsInFlightOfARingThatWasNotStartedAgainWhenItsBaseIsAsked() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        volume.hold();
        int at = offer(1, FrontEndModel.OUT, 9, 90);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        front = front.again(path);
        front.negotiate();
        front.setMemory();
        assertThat(front.setLog(log, 2)).isTrue();
        front.describe(0, 0);
        front.enable(0);
        front.describe(1, 0);
        assertThat(front.base(0)).isZero();
        assertThat(front.base(1)).isZero();
        front = front.again(path);
        front.negotiate();
        front.start(log);
        volume.letGo();
        front.awaitUsed(1);
        assertThat(memory.memory().get(at + 8192)).isZero();
        write(0, 1, 1);
        write(1, 2, 2);
    }

    /** Cloud Hypervisor says on each connection how far the driver has got, not how far the requests have. */
    @Test
    void shouldGoByTheLogWhateverBaseAFrontEndComesBackWith() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        write(0, 1, 1);
        volume.arrivals.clear();
        volume.hold();
        int fetched = offer(0, FrontEndModel.OUT, 7, 70);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        front = front.again(path);
        int unseen = offer(0, FrontEndModel.OUT, 8, 80);
        front.negotiate();
        front.setMemory();
        assertThat(front.setLog(log, 2)).isTrue();
        front.describe(0, 3);
        front.enable(0);
        volume.letGo();
        front.awaitUsed(0);
        front.awaitUsed(0);
        assertThat(memory.memory().get(fetched + 8192)).isZero();
        assertThat(memory.memory().get(unseen + 8192)).isZero();
        assertThat(front.base(0)).isEqualTo(3);
    }

    @Test
    void shouldGoOnWithTheLogWhenAnotherProcessListens() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        write(0, 1, 1);
        volume.arrivals.clear();
        volume.hold();
        int at = offer(0, FrontEndModel.OUT, 7, 70);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        Path otherPath = folder.resolve("t");
        VhostUserDevice successor = open(otherPath);
        front.socket.close();
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (onControl(device::isConnected)) {
            FrontEndModel.pause(deadlineNs);
        }
        front = front.again(otherPath);
        front.negotiate();
        front.start(log);
        volume.letGo();
        front.awaitUsed(0);
        assertThat(memory.memory().get(at + 8192)).isZero();
        write(0, 2, 2);
        front.close();
        front = null;
        close(successor);
    }

    @Test
    void shouldRefuseTheLogOfAnotherAttachmentAndWhatIsNone() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        Path otherPath = folder.resolve("t");
        VhostUserDevice other = open(otherPath, 2);
        assertThat(front.setLog(log, 2)).as("rings in use").isFalse();
        front = front.again(otherPath);
        front.negotiate();
        assertThat(front.setLog(log, 2)).as("another attachment").isFalse();
        FrontEndModel.Log right = front.newLog(2);
        assertThat(front.setLog(right, 1)).as("of two queues").isFalse();
        assertThat(front.setLog(right, 3)).as("three queues").isFalse();
        assertThat(front.setLog(new FrontEndModel.Log(right.fd(), right.size() - 64, 0), 2))
                .as("too short")
                .isFalse();
        assertThat(front.setLog(new FrontEndModel.Log(right.fd(), right.size(), 4096), 2))
                .as("beyond the end")
                .isFalse();
        assertThat(front.setLog(new FrontEndModel.Log(memory.fd(), right.size(), 0), 2))
                .as("something else")
                .isFalse();
        assertThat(front.setLog(new FrontEndModel.Log(front.kicks.get(0), right.size(), 0), 2))
                .as("no memory")
                .isFalse();
        front.setMemory();
        assertThat(front.setLog(right, 2)).isTrue();
        front.describe(0, 0);
        front.enable(0);
        write(0, 1, 1);
        front.close();
        front = null;
        close(other);
    }
}
