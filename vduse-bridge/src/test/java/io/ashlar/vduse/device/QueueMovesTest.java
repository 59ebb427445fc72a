package io.ashlar.vduse.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.List;
import org.assertj.core.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Queues that follow affinity masks and CPUs from loop to loop. */
class QueueMovesTest extends BridgedDeviceFixture {
    @Test
    void shouldPutEachQueueOnTheLoopOfItsAffinityAndNarrowWideMasks() throws Exception {
        affinity.set(0, cpus);
        affinity.set(1, last());
        bindDriver();
        List<Integer> served = control.eventLoop().submit(device::queueCpus).get();
        assertThat(served.get(1)).isEqualTo(last().nextSetBit(0));
        assertThat(affinity.read(0)).as("narrowed").isEqualTo(bit(served.get(0)));
        offer(1, IN, 0, 0);
        assertThat(arrival()).isEqualTo("data-" + served.get(1));
    }

    @Test
    void shouldMoveAQueueOnceItsRequestsHaveEndedWhenItsAffinityIsChanged() throws Exception {
        affinity.set(0, first());
        bindDriver();
        volume.hold();
        offer(0, OUT, 1, 'a');
        assertThat(arrival()).isEqualTo("data-" + first().nextSetBit(0));
        affinity.set(0, last());
        offer(0, OUT, 2, 'b');
        volume.letGo();
        awaitUsed(0);
        awaitUsed(0);
        assertThat(volume.bytes().getByte(4096)).isEqualTo((byte) 'a');
        assertThat(volume.bytes().getByte(2 * 4096)).isEqualTo((byte) 'b');
        String wanted = "data-" + last().nextSetBit(0);
        String loop = "";
        while (!loop.equals(wanted)) {
            nextRequest = 0; // the memory is not for as many as there may be before the change is seen
            offer(0, OUT, 3, 'c');
            loop = arrival();
            awaitUsed(0);
        }
        assertThat(control.eventLoop().submit(device::queueCpus).get().get(0)).isEqualTo(last().nextSetBit(0));
    }

    @Test
    void shouldNotLoseAKickWhileAQueueMovesToAndFro() throws Exception {
        bindDriver();
        for (int i = 0; i < 200; i++) {
            affinity.set(0, i % 2 == 0 ? last() : first());
            nextRequest = 0;
            offer(0, OUT, i % 200, i);
            awaitUsed(0);
        }
        assertThat(volume.arrivals).hasSize(200);
    }

    @Test
    void shouldMoveAQueueAndItsMaskWhenItsCpuGoesOfflineAndBackWhenItReturns() throws Exception {
        Assumptions.assumeThat(cpus.cardinality()).as("CPUs").isGreaterThan(1);
        affinity.set(0, last());
        bindDriver();
        assertThat(served()).isEqualTo(last());
        setOnline(without(last()));
        assertThat(cpus.get(served().nextSetBit(0))).isTrue();
        assertThat(served()).as("elsewhere").isNotEqualTo(last());
        assertThat(affinity.read(0))
                .as("else interrupts would look for an online CPU for ever")
                .isEqualTo(served());
        offer(0, OUT, 1, 'a');
        awaitUsed(0);
        assertThat(volume.bytes().getByte(4096)).isEqualTo((byte) 'a');
        assertThat(back).isEmpty();

        setOnline(cpus);
        assertThat(back).as("pinned again").containsExactly(last().nextSetBit(0));
        assertThat(affinity.read(0)).isEqualTo(last());
        assertThat(served()).isEqualTo(last());
        offer(0, OUT, 2, 'b');
        awaitUsed(0);
        assertThat(volume.bytes().getByte(2 * 4096)).isEqualTo((byte) 'b');
    }

    @Test
    void shouldGiveCompletionsAnyOnlineCpuWhenAllCpusOfTheBridgeAreOffline() throws Exception {
        bindDriver();
        assertThat(served().isEmpty()).isFalse(); // the masks are written after the answer
        BitSet before = affinity.read(0);
        BitSet foreign = bit(cpus.length());
        setOnline(foreign);
        assertThat(affinity.read(0)).isEqualTo(foreign);
        assertThat(affinity.read(1)).isEqualTo(foreign);
        setOnline(cpus);
        assertThat(affinity.read(0)).isEqualTo(before);
        assertThat(cpus.get(served().nextSetBit(0))).isTrue();
    }

    @Test
    void shouldNoticeACpuThatWentOfflineBeforeTheDriverWasBound() throws Exception {
        affinity.set(0, last());
        setOnline(bit(cpus.length()));
        bindDriver();
        assertThat(served().isEmpty()).isFalse(); // the masks are written after the answer
        assertThat(affinity.read(0)).isEqualTo(bit(cpus.length()));
    }

    @Test
    void shouldKeepTheWordOfAnOperatorWhoMovesAQueueWhileItsCpuIsOffline() throws Exception {
        Assumptions.assumeThat(cpus.cardinality()).as("CPUs").isGreaterThan(1);
        affinity.set(0, last());
        bindDriver();
        setOnline(without(last()));
        BitSet moved = served();
        affinity.set(0, cpus);
        control.eventLoop().submit(watch::check).get();
        setOnline(cpus);
        assertThat(affinity.read(0)).isEqualTo(cpus);
        assertThat(served()).isEqualTo(moved);
    }

    @Test
    void shouldGoOnWhenItCannotTellWhichCpusAreOnline() throws Exception {
        bindDriver();
        BitSet before = served();
        setOnline(null);
        assertThat(served()).isEqualTo(before);
    }
}
