package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.agent.AttachWish;
import io.ashlar.vduse.agent.BridgeConfig;
import io.ashlar.vduse.agent.BridgeDaemon;
import io.ashlar.vduse.agent.Detachment;
import io.ashlar.vduse.agent.VolumeOpener;
import io.ashlar.vduse.device.HeldDevice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a front end that is connected gets when its volume is detached by force: an answer to all that it has asked for. */
@Timeout(120)
class ForcedDetachmentTest {
    private static final int MIB = 1 << 20;
    private static final int DATA = 1 << 16;
    private static final int STATUS = 8192;
    private static final byte IO_ERROR = 1;
    private static final int QUEUES = 2;

    @TempDir
    Path folder;

    private final HeldDevice volume = new HeldDevice(MIB);
    private EpollLoops loops;
    private BridgeDaemon daemon;
    private FrontEndModel front;
    private FrontEndModel.Region memory;

    private volatile boolean failing;
    private volatile boolean abandoned;
    private volatile boolean givenBack;

    private void start() throws Exception {
        BridgeConfig config = BridgeConfig.defaults().withControlSocket(folder.resolve("run/bridge.sock"));
        loops = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
        daemon = BridgeDaemon.start(
                config,
                loops,
                (name, readOnly, steal) -> new VolumeOpener.OpenedVolume(
                        volume, new UUID(1, 2), 0, VolumeOpener.NodeBoot.NONE, this::abandon, () -> givenBack));
        Path socket = folder.resolve("v.sock");
        daemon.attach("v", new AttachWish(false, false, socket, QUEUES));
        front = new FrontEndModel(socket);
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, QUEUES, 0);
        front.start(front.newLog(QUEUES));
        volume.hold();
    }

    private void abandon() {
        if (failing) {
            throw new IllegalStateException("it can't be let go of");
        }
        abandoned = true;
        volume.failHeld();
    }

    @AfterEach
    void end() {
        front.close();
        daemon.stop();
        daemon.close();
        loops.close();
    }

    private int offer(int ring, int number) throws InterruptedException {
        int at = front.offer(memory, DATA + 3 * 4096 * number, ring, FrontEndModel.OUT, number, 'x');
        assertThat(volume.arrivals.poll(60, TimeUnit.SECONDS)).isNotNull();
        return at;
    }

    private CompletableFuture<Detachment> detach() {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return daemon.detach("v", true);
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                },
                task -> new Thread(task, "background").start());
    }

    private void assertAnswered(int ring, int at) throws Exception {
        front.awaitUsed(ring);
        assertThat(memory.memory().get(at + STATUS)).isEqualTo(IO_ERROR);
    }

    @Test
    void shouldAnswerWhatIsInFlightBeforeTheConnectionEnds() throws Exception {
        start();
        int first = offer(0, 0);
        int second = offer(1, 1);
        CompletableFuture<Detachment> detached = detach();
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!daemon.attachments().get(0).state().equals("detaching")) {
            FrontEndModel.pause(deadlineNs);
        }
        volume.failHeld();
        assertThat(detached.get(60, TimeUnit.SECONDS).failedRequests()).isEqualTo(2);
        assertAnswered(0, first);
        assertAnswered(1, second);
        front.awaitEnd();
        assertThat(daemon.attachments()).isEmpty();
    }

    /** As a node that is slow has it: requests end when the volume's connections do, and not before. It is told, if it can be. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldAnswerWhatIsInFlightAndGiveTheVolumeBackWhenOnlyTheEndOfItsUseEndsThat(boolean told) throws Exception {
        start();
        volume.whenClosed(() -> {
            givenBack = told && !abandoned;
            volume.failHeld();
        });
        int at = offer(1, 0);
        assertThat(detach().get(60, TimeUnit.SECONDS)).isEqualTo(new Detachment(told, 1));
        assertAnswered(1, at);
        front.awaitEnd();
        assertThat(daemon.attachments()).isEmpty();
    }

    /** Another host may have the volume by then. */
    @Test
    void shouldShowAnOrphanUntilTheNextTryWhenItFailsMidway() throws Exception {
        start();
        failing = true;
        assertThatThrownBy(() -> daemon.detach("v", true)).hasMessage("it can't be let go of");
        assertThat(daemon.attachments().get(0).state()).isEqualTo("orphan");
        assertThatThrownBy(() -> daemon.detach("v", false)).hasMessageContaining("v is left without its volume");
        failing = false;
        assertThat(daemon.detach("v", true).failedRequests()).isZero();
        assertThat(daemon.attachments()).isEmpty();
    }

    @Test
    void shouldAnswerWhatIsInFlightWhenItsRingIsStoppedForAnotherReasonAlready() throws Exception {
        start();
        volume.whenClosed(volume::failHeld);
        front.memory(0x1000_0000, MIB);
        front.setMemory();
        int at = offer(1, 0);
        // The region that goes may be in use: rings stop, when their requests have ended.
        front.send(FrontEndModel.SET_MEM_TABLE, 0, FrontEndModel.table(List.of(memory)), memory.fd());
        detach().get(60, TimeUnit.SECONDS);
        assertAnswered(1, at);
        front.awaitEnd();
        assertThat(daemon.attachments()).isEmpty();
    }
}
