package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.NullBlockDevice;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.device.DeviceShape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class BootRecordTest {
    private static final UUID ID = new UUID(1, 2);
    private static final String DEVICE = DeviceShape.NAME_PREFIX + ID;

    @TempDir
    Path folder;

    private final Boot boot = new Boot();
    private BridgeConfig config;

    /** A node's machine that the test restarts. */
    private static final class Boot implements VolumeOpener.NodeBoot {
        private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
        private final List<String> continued = new ArrayList<>();
        private volatile String id = "a";

        @Override
        public String id() {
            return id;
        }

        @Override
        public void onChange(Runnable listener) {
            listeners.add(listener);
        }

        @Override
        public void continueFrom(String idBefore) {
            continued.add(idBefore);
        }
    }

    @BeforeEach
    void setUp() {
        config = BridgeConfig.defaults().withControlSocket(folder.resolve("run/bridge.sock"));
    }

    private VolumeOpener.OpenedVolume volume() {
        NullBlockDevice device = new NullBlockDevice(new BlockGeometry(BlockGeometry.EXTENT_BYTES, 4096, false));
        return new VolumeOpener.OpenedVolume(device, ID, 0, boot, () -> {}, () -> true);
    }

    private BootRecord record(StateFolder state) {
        return new BootRecord(state, DEVICE, volume());
    }

    @Test
    void shouldTellASuccessorDuringWhichBootWritesWereAcknowledged() throws IOException {
        try (StateFolder state = StateFolder.open(config.controlSocket())) {
            record(state).begin();
            boot.id = "b";
            record(state).resume();
            record(state).resume(); // which fails as the one before it did
            assertThat(boot.continued).containsExactly("a", "a");
        }
    }

    @Test
    void shouldFollowARestartThatHasLostNothing() throws Exception {
        try (StateFolder state = StateFolder.open(config.controlSocket())) {
            record(state).begin();
            boot.id = "b";
            boot.listeners.forEach(Runnable::run);
            while (!state.loadBoot(DEVICE).equals("b")) {
                Thread.sleep(1);
            }
            record(state).resume();
            assertThat(boot.continued).containsExactly("b");
        }
    }

    @Test
    void shouldNotBringBackWhatWasForgotten() throws IOException {
        try (StateFolder state = StateFolder.open(config.controlSocket())) {
            record(state).begin();
            state.delete(DEVICE);
            state.updateBoot(DEVICE, "b");
            assertThat(state.loadBoot(DEVICE)).isEmpty();
        }
    }

    @Test
    void shouldFlushAtTheEndSoThatARestartAfterwardsCostsNothing() throws IOException {
        try (EpollLoops loops = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config))) {
            VolumeOpener opener = (name, readOnly, steal) -> volume();
            try (BridgeDaemon bridge = BridgeDaemon.start(config, loops, opener)) {
                bridge.attach("v", new AttachWish(false, false, folder.resolve("socket"), 1));
                bridge.stop();
            }
            boot.id = "b";
            try (StateFolder state = StateFolder.open(config.controlSocket())) {
                record(state).resume();
                assertThat(boot.continued).isEmpty();
                assertThat(state.loadBoot(DEVICE)).isEqualTo("b");
            }
        }
    }

    @Test
    void shouldHoldASuccessorToTheBootOfAKilledBridge() throws Exception {
        try (EpollLoops loops = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config))) {
            VolumeOpener opener = (name, readOnly, steal) -> volume();
            AttachWish wish = new AttachWish(false, false, folder.resolve("socket"), 1);
            try (BridgeDaemon killed = BridgeDaemon.start(config, loops, opener)) {
                killed.attach("v", wish);
            }
            boot.id = "b";
            try (BridgeDaemon successor = BridgeDaemon.start(config, loops, opener)) {
                while (!successor.attachments().get(0).state().equals("attached")) {
                    Thread.sleep(1);
                }
                assertThat(boot.continued).containsExactly("a");
            }
        }
    }
}
