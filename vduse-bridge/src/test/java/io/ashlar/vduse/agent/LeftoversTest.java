package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.device.ServedDevice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of the volume when the device that nobody serves is removed. */
class LeftoversTest {
    private static final UUID ID = new UUID(1, 2);

    private final List<String> events = new ArrayList<>();
    private UUID idFound = ID;
    private long heldSinceMs = 5;
    private boolean told = true;

    /** A volume of which only the end is of interest. */
    private final class Volume implements BlockDevice {
        @Override
        public BlockGeometry geometry() {
            return new BlockGeometry(BlockGeometry.EXTENT_BYTES, 4096, false);
        }

        @Override
        public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
            throw new IllegalStateException("nobody reads or writes");
        }

        @Override
        public void onGeometryChange(Runnable listener) {}

        @Override
        public void close() {
            events.add("close");
        }
    }

    private VolumeOpener.OpenedVolume open(String name, boolean readOnly, boolean steal) {
        assertThat(readOnly || steal).isFalse();
        events.add("open " + name);
        return new VolumeOpener.OpenedVolume(
                new Volume(), idFound, heldSinceMs, VolumeOpener.NodeBoot.NONE, () -> events.add("let go"), () -> told);
    }

    private static AttachmentRecord details(boolean readOnly) {
        return new AttachmentRecord(
                AttachmentRecord.VERSION, "v", ID.toString(), "ashlar-" + ID, readOnly, 1, 64, 0, 5, 6, null);
    }

    private boolean remove(VolumeOpener opener, boolean readOnly) throws IOException {
        return Leftovers.removeAndGiveBack(opener, details(readOnly), () -> events.add("remove"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldGiveTheVolumeBackWhenItsDeviceIsGone(boolean nodeIsTold) throws Exception {
        told = nodeIsTold;
        assertThat(remove(this::open, false)).isEqualTo(nodeIsTold);
        assertThat(events).containsExactly("open v", "remove", "close");
    }

    @Test
    void shouldKeepTheVolumeWhenItsDeviceStays() {
        assertThatThrownBy(() -> Leftovers.removeAndGiveBack(this::open, details(false), () -> {
                    throw new BridgeException("requests are in flight");
                }))
                .hasMessage("requests are in flight");
        assertThat(events).containsExactly("open v", "let go");
    }

    @Test
    void shouldRemoveTheDeviceWhenItsNodeIsAway() throws Exception {
        VolumeOpener away = (name, readOnly, steal) -> {
            throw new IOException("connection refused");
        };
        assertThat(remove(away, false)).isFalse();
        VolumeOpener broken = (name, readOnly, steal) -> {
            throw new IllegalStateException("an answer that nobody has thought of");
        };
        assertThat(remove(broken, false)).isFalse();
        assertThat(events).containsExactly("remove", "remove");
    }

    @Test
    void shouldGiveNothingBackOfAnotherVolumeThatHasTheNameNow() throws Exception {
        idFound = new UUID(3, 4);
        assertThat(remove(this::open, false)).isFalse();
        assertThat(events).containsExactly("open v", "let go", "remove");
    }

    @Test
    void shouldNotEndTheUseOfWhoHasAttachedTheVolumeAfterItsRelease() throws Exception {
        heldSinceMs = 6;
        assertThat(remove(this::open, false)).isFalse();
        assertThat(events).containsExactly("open v", "let go", "remove");
    }

    @Test
    void shouldHaveNothingToGiveBackWhenTheHostHoldsTheVolumeNoMore() throws Exception {
        VolumeOpener released = new VolumeOpener() {
            @Override
            public OpenedVolume open(String name, boolean readOnly, boolean steal) {
                throw new IllegalStateException("nothing is to be taken");
            }

            @Override
            public OpenedVolume reopen(String name, UUID id, long since) {
                assertThat(name + " " + id + " " + since).isEqualTo("v " + ID + " 5");
                return null;
            }
        };
        assertThat(remove(released, false)).isTrue();
        assertThat(events).containsExactly("remove");
    }

    /** A device that is served in a volume's place. */
    private static final class Served implements ServedDevice {
        @Override
        public void fail() {}

        @Override
        public void quiesce(Runnable whenDrained) {
            whenDrained.run();
        }

        @Override
        public void close(Runnable whenCutOff, Runnable whenClosed) {
            throw new IllegalStateException("the model has no such step");
        }

        @Override
        public List<QueueCounters> counters() {
            return List.of();
        }

        @Override
        public List<Integer> queueCpus() {
            return List.of();
        }
    }

    @Test
    void shouldTellTheNodeWhenTheRemovalSucceedsAtTheSecondTry(@TempDir Path folder) throws Exception {
        BridgeConfig config = BridgeConfig.defaults().withControlSocket(folder.resolve("run/bridge.sock"));
        try (EpollLoops data = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
                BridgeParts parts =
                        BridgeParts.open(config, StateFolder.open(config.controlSocket()), data, this::open)) {
            AttachedVolume found = new AttachedVolume("v", AttachedVolume.State.ORPHAN);
            assertThat(Leftovers.isOne(found)).isTrue();
            found.opened(Leftovers.nobodyTold(ID), new Served(), details(false));
            AtomicBoolean busy = new AtomicBoolean(true);
            found.teardown().pushRemoval("take the device off the bus", () -> {
                if (busy.getAndSet(false)) {
                    throw new BridgeException("the bus is busy");
                }
                events.add("remove");
            });
            Leftovers leftovers = new Leftovers(parts);
            assertThatThrownBy(() -> leftovers.remove(found)).hasMessage("the bus is busy");
            assertThat(Leftovers.isOne(found)).isTrue();
            assertThat(leftovers.remove(found).givenBack()).isTrue();
            assertThat(events).containsExactly("open v", "let go", "open v", "remove", "close");
            found.opened(open("v", false, false), new Served(), details(false));
            assertThat(Leftovers.isOne(found)).as("it serves its volume").isFalse();
        }
    }

    @Test
    void shouldAskNobodyForAVolumeThatWasOnlyRead() throws Exception {
        assertThat(remove(this::open, true)).isTrue();
        assertThat(events).containsExactly("remove");
    }
}
