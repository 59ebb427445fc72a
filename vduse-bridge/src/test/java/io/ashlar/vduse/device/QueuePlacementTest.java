package io.ashlar.vduse.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.vduse.device.QueuePlacement.Choice;
import java.util.BitSet;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class QueuePlacementTest {
    @Test
    void shouldSpreadQueuesEvenlyWhenAllMayRunAnywhere() {
        QueuePlacement placement = new QueuePlacement(set(0, 1, 2, 3), false);
        BitSet used = new BitSet();
        for (int i = 0; i < 4; i++) {
            Choice choice = placement.place(set(0, 1, 2, 3));
            used.set(choice.cpu());
            assertThat(choice.mask()).as("narrowed to the loop's CPU").isEqualTo(set(choice.cpu()));
        }
        assertThat(used).isEqualTo(set(0, 1, 2, 3));
    }

    @Test
    void shouldFollowTheKernelsSpreadWhenItIsNotInOrder() {
        QueuePlacement placement = new QueuePlacement(set(0, 1, 2, 3), false);
        int[] kernel = {1, 3, 2, 0};
        for (int cpu : kernel) {
            assertThat(placement.place(set(cpu))).isEqualTo(new Choice(cpu, null, false));
        }
    }

    @Test
    void shouldLeaveWideMasksAloneWhenToldTo() {
        assertThat(new QueuePlacement(set(0, 1), true).place(set(0, 1)).mask()).isNull();
    }

    @Test
    void shouldForceTheMaskWhenItDoesNotMeetOurCpus() {
        Choice choice = new QueuePlacement(set(2, 3), true).place(set(0, 1));
        assertThat(choice.forced()).isTrue();
        assertThat(choice.mask()).isEqualTo(set(choice.cpu()));
        assertThat(set(2, 3).get(choice.cpu())).isTrue();
    }

    @Test
    void shouldStayWhereItIsWhenAChangedMaskAllowsThat() {
        QueuePlacement placement = new QueuePlacement(set(0, 1), false);
        int cpu = placement.place(set(0)).cpu();
        assertThat(placement.replace(cpu, set(0, 1))).isEqualTo(new Choice(0, null, false));
        assertThat(placement.replace(cpu, set(1))).isEqualTo(new Choice(1, null, false));
        assertThat(placement.replace(1, set(7))).isEqualTo(new Choice(1, null, true));
    }

    @Test
    void shouldLeaveACpuThatIsOfflineAndStayWhereItsMaskStillAllows() {
        QueuePlacement placement = new QueuePlacement(set(0, 1, 2), false);
        assertThat(placement.place(set(1)).cpu()).isEqualTo(1);
        placement.setOnline(set(0, 2, 3));
        assertThat(placement.replace(1, set(1, 2))).as("the mask has another").isEqualTo(new Choice(2, null, false));
        assertThat(placement.replace(2, set(1))).as("a CPU of ours that works").isEqualTo(new Choice(2, null, true));
        assertThat(placement.place(set(1)).cpu()).as("nothing new on it").isEqualTo(0);
        placement.setOnline(set(0, 1, 2, 3));
        assertThat(placement.replace(2, set(1))).isEqualTo(new Choice(1, null, false));
    }

    @Test
    void shouldGoOnWithTheLoopsThereAreWhenAllTheirCpusAreOffline() {
        QueuePlacement placement = new QueuePlacement(set(2, 3), false);
        placement.setOnline(set(0, 1));
        assertThat(placement.place(set(2)).cpu()).isEqualTo(2);
        assertThat(placement.replace(2, set(2))).isEqualTo(new Choice(2, null, false));
    }

    @Test
    void shouldUseALoopAgainWhenItsQueueIsGone() {
        QueuePlacement placement = new QueuePlacement(set(0, 1), false);
        assertThat(placement.place(set(0)).cpu()).isZero();
        placement.remove(0);
        assertThat(placement.place(set(0, 1)).cpu()).isZero();
    }

    @Property
    void shouldReadBackEveryMaskThatItWrites(@ForAll @Size(max = 20) Set<@IntRange(max = 300) Integer> cpus) {
        BitSet mask = new BitSet();
        cpus.forEach(mask::set);
        assertThat(CpuMask.parse(CpuMask.format(mask) + "\n")).isEqualTo(mask);
    }

    @Test
    void shouldUnderstandTheKernelsForms() {
        assertThat(CpuMask.parse("3\n")).isEqualTo(set(0, 1));
        assertThat(CpuMask.parse("00000001,80000000")).isEqualTo(set(31, 32));
        assertThat(CpuMask.format(set(31, 32))).isEqualTo("1,80000000");
        assertThat(CpuMask.format(new BitSet())).isEqualTo("0");
        assertThat(CpuMask.parseList("0,2-4")).isEqualTo(set(0, 2, 3, 4));
        for (String bad : new String[] {"", "x", "1-", "4-2", "-1", "99999"}) {
            assertThatThrownBy(() -> CpuMask.parseList(bad)).as(bad).isInstanceOf(IllegalArgumentException.class);
        }
        for (String bad : new String[] {"", "xyz", "100000000", "-1"}) {
            assertThatThrownBy(() -> CpuMask.parse(bad)).as(bad).isInstanceOf(IllegalArgumentException.class);
        }
    }

    private static BitSet set(int... cpus) {
        BitSet set = new BitSet();
        for (int cpu : cpus) {
            set.set(cpu);
        }
        return set;
    }
}
