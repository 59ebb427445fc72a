package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.store.catalogue.Attachment;
import org.junit.jupiter.api.Test;

class RemoteVolumesTest {
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
