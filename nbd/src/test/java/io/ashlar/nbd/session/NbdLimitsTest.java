package io.ashlar.nbd.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class NbdLimitsTest {
    private static final long GIB = 1L << 30;

    @Test
    void shouldHaveALongReadForEachConnectionAtATimeByDefault() {
        assertThat(NbdLimits.DEFAULT.largeReadsMax(GIB)).isEqualTo(16);
    }

    @Test
    void shouldHaveFewerLongReadsWhenConnectionsTakeTheMemory() {
        assertThat(NbdLimits.DEFAULT.withConnectionsMax(64).largeReadsMax(GIB)).isEqualTo(5);
    }

    @Test
    void shouldHaveWhatTheManualSaysOfMoreMemoryAndOfMostConnections() {
        assertThat(NbdLimits.DEFAULT.withConnectionsMax(64).largeReadsMax(3 * GIB / 2))
                .isEqualTo(17);
        assertThat(NbdLimits.DEFAULT.withConnectionsMax(80).largeReadsMax(GIB)).isEqualTo(1);
    }

    @Test
    void shouldRefuseMoreConnectionsThanThereIsMemoryFor() {
        NbdLimits limits = NbdLimits.DEFAULT.withConnectionsMax(1000);
        assertThatThrownBy(() -> limits.largeReadsMax(GIB))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1000 connections need 12043 MiB")
                .hasMessageContaining("MaxDirectMemorySize");
    }
}
