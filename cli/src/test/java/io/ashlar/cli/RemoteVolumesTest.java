package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
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

    @Test
    void shouldGiveBackWhatADeadBridgeOfThisHostHolds() throws Exception {
        ListenAddress any = new ListenAddress("127.0.0.1", 0);
        try (StorageNode node = StorageNode.start(
                        ServerConfig.of(folder.resolve("data")).withAddresses(any, any, false));
                EpollLoops loops = EpollLoops.floating("session", 1)) {
            List<InetSocketAddress> nodes = List.of(node.addresses().block());
            Main.commandLine()
                    .execute("volume", "create", "v", "--size", "1G", "--server", Addresses.text(nodes.get(0)));
            EpollLoop loop = loops.all().get(0);
            VolumeOpener bridge = new RemoteVolumes(nodes, 0).on(loop);
            VolumeOpener elsewhere = new RemoteVolumes(nodes, 0, "-elsewhere").on(loop);
            bridge.open("v", false, false).letGo().run();
            assertThatThrownBy(() -> elsewhere.open("v", false, false)).isInstanceOf(IOException.class);
            VolumeOpener.OpenedVolume again = bridge.reopen("v");
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
