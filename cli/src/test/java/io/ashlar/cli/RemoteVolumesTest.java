package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.server.StorageNode;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.ServerConfig;
import io.ashlar.store.catalogue.Attachment;
import io.ashlar.vduse.agent.VolumeOpener;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RemoteVolumesTest {
    @TempDir
    Path folder;

    private StorageNode nodeWithVolume(String data) throws IOException {
        ListenAddress any = new ListenAddress("127.0.0.1", 0);
        StorageNode node =
                StorageNode.start(ServerConfig.of(folder.resolve(data)).withAddresses(any, any, false));
        String address = Addresses.text(node.addresses().block());
        Main.commandLine().execute("volume", "create", "v", "--size", "1G", "--server", address);
        return node;
    }

    @Test
    void shouldTakeNothingFromWhoUsesTheVolumeOrAnotherOfItsNameNow() throws Exception {
        try (StorageNode node = nodeWithVolume("data");
                StorageNode other = nodeWithVolume("other");
                EpollLoops loops = EpollLoops.floating("session", 1)) {
            EpollLoop loop = loops.all().get(0);
            String address = Addresses.text(node.addresses().block());
            VolumeOpener bridge = new RemoteVolumes(List.of(node.addresses().block()), 0).on(loop);
            VolumeOpener.OpenedVolume first = bridge.open("v", false, false);
            first.letGo().run();
            Main.commandLine().execute("volume", "release", "v", "--server", address);
            assertThat(bridge.reopen("v", first.id(), first.heldSinceMs())).isNull();
            RemoteVolume second = (RemoteVolume) bridge.open("v", false, false).device();
            assertThat(bridge.reopen("v", first.id(), first.heldSinceMs())).isNull();

            VolumeOpener elsewhere = new RemoteVolumes(List.of(other.addresses().block()), 0).on(loop);
            RemoteVolume namesake =
                    (RemoteVolume) elsewhere.open("v", false, false).device();
            assertThatThrownBy(() -> elsewhere.reopen("v", first.id(), namesake.heldSinceMs()))
                    .hasMessageEndingWith("is another one");
            for (RemoteVolume served : List.of(second, namesake)) {
                assertThat(holder(served)).isEqualTo(served.epoch());
                served.close();
                assertThat(holder(served)).as("nobody").isZero();
            }
        }
    }

    /** Returns the epoch of the attachment that a volume's node knows now, 0 for none. */
    private static long holder(RemoteVolume served) throws Exception {
        return VolumeLookup.show(served.options().session().node(), "v", 30_000)
                .getHolder()
                .getEpoch();
    }

    @Test
    void shouldGiveBackWhatADeadBridgeOfThisHostHolds() throws Exception {
        try (StorageNode node = nodeWithVolume("data");
                EpollLoops loops = EpollLoops.floating("session", 1)) {
            List<InetSocketAddress> nodes = List.of(node.addresses().block());
            EpollLoop loop = loops.all().get(0);
            VolumeOpener bridge = new RemoteVolumes(nodes, 0).on(loop);
            VolumeOpener elsewhere = new RemoteVolumes(nodes, 0, "-elsewhere").on(loop);
            VolumeOpener.OpenedVolume before = bridge.open("v", false, false);
            before.letGo().run();
            assertThatThrownBy(() -> elsewhere.open("v", false, false)).isInstanceOf(IOException.class);
            VolumeOpener.OpenedVolume again = bridge.reopen("v", before.id(), before.heldSinceMs());
            again.device().close();
            assertThat(again.givenBack().getAsBoolean()).isTrue();
            elsewhere.open("v", false, false).device().close();
        }
    }

    @Test
    void shouldMakeAnIdThatANodeTakesOfEveryPath() {
        for (String role : new String[] {
            "",
            "-nbd-127.0.0.1:10809",
            "-nbd-[::1]:10809",
            "-nbd-/run/ashlar/db.nbd",
            "-copy-/images/d\u00e9mo 1.raw",
            "-copy-/" + "x".repeat(300)
        }) {
            assertThat(RemoteVolumes.hostId(role)).matches(Attachment::isHostId);
        }
    }

    @Test
    void shouldKeepPlacesApartThatLookTheSameInAnId() {
        assertThat(RemoteVolumes.hostId("-nbd-/a/b")).isNotEqualTo(RemoteVolumes.hostId("-nbd-/a_b"));
        assertThat(RemoteVolumes.hostId("-nbd-/a/b")).isEqualTo(RemoteVolumes.hostId("-nbd-/a/b"));
    }

    @Test
    void shouldShowHowFarACopyIs() {
        assertThat(CopySession.progressText("exported", 3L << 30, 4L << 30, 2_000_000_000L))
                .isEqualTo("exported [###############-----]  75 %, 3G of 4G, 1.5G/s");
        assertThat(CopySession.progressText("imported", 1 << 20, 0, 1)).isEqualTo("imported 1M");
    }
}
