package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.device.HeldDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A volume on a socket that the next bridge goes on with. */
@Timeout(120)
class ResumedSocketTest {
    private static final UUID ID = new UUID(1, 2);

    @TempDir
    Path folder;

    private final List<Boolean> recordedWhenClosed = new ArrayList<>();

    /** A volume that looks, when it is closed in good order, whether its device is still written down. */
    private final class Watching implements BlockDevice {
        private final HeldDevice volume = new HeldDevice(1 << 20);

        @Override
        public BlockGeometry geometry() {
            return volume.geometry();
        }

        @Override
        public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
            return volume.openQueue(loop, completionsEnded);
        }

        @Override
        public void onGeometryChange(Runnable listener) {
            volume.onGeometryChange(listener);
        }

        @Override
        public void close() {
            recordedWhenClosed.add(Files.exists(record()));
        }
    }

    private BridgeConfig config() {
        return BridgeConfig.defaults().withControlSocket(folder.resolve("run/bridge.sock"));
    }

    private Path record() {
        return folder.resolve("run/bridge.sock.d/ashlar-" + ID + ".json");
    }

    /** The node is away, until it is to be told that nobody uses the volume any more. */
    private final class Away implements VolumeOpener {
        @Override
        public OpenedVolume open(String name, boolean readOnly, boolean steal) throws IOException {
            throw new IOException("away");
        }

        @Override
        public OpenedVolume reopen(String name, UUID id, long heldSinceMs) {
            return new OpenedVolume(new Watching(), ID);
        }
    }

    private BridgeDaemon start(EpollLoops loops) throws IOException {
        return BridgeDaemon.start(
                config(), loops, (name, readOnly, steal) -> new VolumeOpener.OpenedVolume(new Watching(), ID));
    }

    @Test
    void shouldPutARecordAsideThatNobodyCanReadAndThatKeepsTheVolumeFromBeingAttached() throws Exception {
        String device = "ashlar-" + ID;
        AttachWish wish = new AttachWish(false, false, folder.resolve("v.sock"), 1);
        try (EpollLoops loops = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config()))) {
            try (BridgeDaemon first = start(loops)) {
                first.attach("v", wish);
                first.stop();
            }
            Files.writeString(record(), "half a rec");
            try (BridgeDaemon next = start(loops)) {
                assertThat(next.attachments()).isEmpty();
                for (AttachWish refused : List.of(wish, new AttachWish(false, false, null, 0))) {
                    assertThatThrownBy(() -> next.attach("v", refused))
                            .hasMessageContaining("'ashlar detach --force " + device + "' puts it aside")
                            .message()
                            .doesNotContain("\n");
                }
                assertThat(recordedWhenClosed)
                        .as("the volume stays this host's: a guest waits")
                        .isEmpty();
                assertThatThrownBy(() -> next.detach(device, false)).hasMessageContaining("'--force' puts it aside");
                assertThatThrownBy(() -> next.detach("../lock", true)).hasMessage("../lock is not attached");
                assertThat(record()).exists();
                assertThat(next.detach(device, true).givenBack()).isFalse();
                assertThat(record().resolveSibling(device + ".json.unreadable")).hasContent("half a rec");
                assertThatThrownBy(() -> next.detach(device, true)).hasMessage(device + " is not attached");
                next.attach("v", wish);
                assertThat(record()).exists();
                next.stop();
            }
        }
    }

    @Test
    void shouldTellTheNodeOfAVolumeThatWaitsForItAndIsDetachedByForce() throws Exception {
        try (EpollLoops loops = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config()))) {
            try (BridgeDaemon first = start(loops)) {
                first.attach("v", new AttachWish(false, false, folder.resolve("v.sock"), 1));
                first.stop();
            }
            try (BridgeDaemon next = BridgeDaemon.start(config(), loops, new Away())) {
                assertThat(next.detach("v", true).givenBack()).isTrue();
                assertThat(recordedWhenClosed).containsExactly(false);
                assertThat(next.attachments()).isEmpty();
                next.stop();
            }
        }
    }

    @Test
    void shouldNotForgetAVolumeThatIsServedWhenNobodyCanReadItsRecord() throws Exception {
        try (EpollLoops loops = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config()));
                BridgeDaemon bridge = start(loops)) {
            bridge.attach("v", new AttachWish(false, false, folder.resolve("v.sock"), 1));
            Files.writeString(record(), "half a rec");
            assertThatThrownBy(() -> bridge.detach("ashlar-" + ID, true)).hasMessageEndingWith("is not attached");
            assertThat(record()).exists();
            bridge.stop();
        }
    }

    /** A bridge that dies in between must not leave the record of a volume that others may have by then. */
    @Test
    void shouldForgetTheDeviceBeforeItsVolumeIsClosed() throws Exception {
        try (EpollLoops loops = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config()))) {
            try (BridgeDaemon first = start(loops)) {
                first.attach("v", new AttachWish(false, false, folder.resolve("v.sock"), 1));
                first.stop();
            }
            assertThat(record()).exists();
            try (BridgeDaemon next = start(loops)) {
                long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
                while (!next.attachments().get(0).state().equals("attached") && System.nanoTime() < deadlineNs) {
                    Thread.sleep(1);
                }
                assertThat(recordedWhenClosed).isEmpty();
                next.detach("v", false);
                assertThat(recordedWhenClosed).containsExactly(false);
                assertThat(folder.resolve("v.sock")).doesNotExist();
                next.stop();
            }
        }
    }
}
