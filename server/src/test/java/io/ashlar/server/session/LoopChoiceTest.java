package io.ashlar.server.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class LoopChoiceTest {
    private final LoopChoice choice = new LoopChoice(List.of(4, 5, 6));

    @Test
    void shouldTakeTheLoopOfTheCpuThatThePacketsComeInOn() {
        assertThat(choice.take(6)).isEqualTo(2);
        assertThat(choice.take(6)).isEqualTo(2);
        assertThat(choice.take(4)).isZero();
    }

    @Test
    void shouldTakeTheLoopWithLeastConnectionsWhenTheCpuHasNone() {
        assertThat(choice.take(1)).isZero();
        assertThat(choice.take(-1)).isEqualTo(1);
        assertThat(choice.take(1)).isEqualTo(2);
        choice.giveBack(1);
        assertThat(choice.take(1)).isEqualTo(1);
    }

    @Test
    void shouldSpreadConnectionsWhenLoopsAreNearToNothing() {
        LoopChoice spread = new LoopChoice(List.of(LoopChoice.NO_CPU, LoopChoice.NO_CPU));
        assertThat(spread.take(0)).isZero();
        assertThat(spread.take(0)).isEqualTo(1);
        assertThat(spread.take(-1)).isZero();
    }

    @Test
    void shouldPassALoopOverWhenItHasManyMoreConnectionsThanAnother() {
        int[] counts = new int[3];
        for (int i = 0; i < 90; i++) {
            counts[choice.take(5)]++;
        }
        assertThat(counts[1]).isBetween(33, 36);
        assertThat(counts[0]).isBetween(26, 29);
        assertThat(counts[2]).isBetween(26, 29);
    }

    @Test
    void shouldKeepTwoLoopsBusyWhenAVolumeWithTwoQueuesComesInOnOneCpu() {
        choice.take(4);
        choice.take(4);
        assertThat(choice.take(4)).as("the third connection").isNotZero();
    }
}
