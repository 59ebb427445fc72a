package io.ashlar.vduse.inflight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.vduse.inflight.CutMemory.Killed;
import io.ashlar.vduse.inflight.CutMemory.Store;
import io.ashlar.vduse.vring.Access;
import io.ashlar.vduse.vring.DescriptorChain;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import io.ashlar.vduse.vring.GuestMemory;
import io.ashlar.vduse.vring.MemoryMap;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.SplitVirtqueue.Pop;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringOptions;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every history of up to so many steps of a small queue, cut before every single store to the log: whoever comes after completes
 * each request exactly once. The rings are real, the queue is the real one, the log's memory is simulated.
 *
 * <p>The cut between the last store to the log and the publication of used.idx is the state in which a step PUBLISH begins: the
 * publication is its first store.
 */
class KilledAnywhereTest {
    private static final long RINGS = 0x10000;
    private static final long DATA = 0x20000;
    private static final int START = 65534;
    private static final VringOptions OPTIONS = new VringOptions(true, false);

    private enum Step {
        OFFER,
        FETCH,
        PUSH_OLDEST,
        PUSH_NEWEST,
        PUBLISH
    }

    private final GuestMemory living = guest();
    private final GuestMemory afterwards = guest();
    private final MemoryMap livingMap = living.map();
    private final MemoryMap afterwardsMap = afterwards.map();
    private final Deque<Step> history = new ArrayDeque<>();

    private int num;
    private CutMemory memory;
    private CutMemory copy;
    private DriverModel driver;
    private SplitVirtqueue queue;
    private DescriptorChain chain;
    private Store omitted;
    private Store late;
    private long cuts;

    /** Heads, in the order in which they were offered, fetched, and pushed to the used ring; heads return to later requests. */
    private final List<Integer> offered = new ArrayList<>();

    private final List<Integer> fetched = new ArrayList<>();
    private final List<Integer> pushed = new ArrayList<>();
    /** Requests, by their place in {@code offered}, that are fetched and not pushed. */
    private final List<Integer> working = new ArrayList<>();
    /** The same that are pushed. */
    private final List<Integer> done = new ArrayList<>();

    private static GuestMemory guest() {
        return new GuestMemory(0x2000).region(RINGS, 0x1000, Access.READ_WRITE).region(DATA, 64, Access.READ_WRITE);
    }

    @ParameterizedTest
    @CsvSource({"1, 14", "2, 11", "4, 10"})
    void shouldCompleteEachRequestExactlyOnceWhereverTheProcessIsCut(int ringSize, int steps)
            throws VringException, InflightException {
        num = ringSize;
        memory = new CutMemory(num);
        copy = new CutMemory(num);
        explore(steps);
        assertThat(cuts).as("it looked at something").isGreaterThan(steps);
    }

    /** A test that can't fail proves nothing: each store is needed, and something notices. */
    @ParameterizedTest
    @EnumSource(Store.class)
    void shouldNoticeAStoreThatIsLeftOut(Store store) {
        omitted = store;
        assertThatThrownBy(() -> shouldCompleteEachRequestExactlyOnceWhereverTheProcessIsCut(2, 9))
                .isInstanceOfAny(AssertionError.class, InflightException.class);
    }

    @ParameterizedTest
    @EnumSource(
            value = Store.class,
            names = {"COUNTER", "CLEAR_INFLIGHT"})
    void shouldNoticeAStoreThatIsMadeBehindTheNextOne(Store store) {
        late = store;
        assertThatThrownBy(() -> shouldCompleteEachRequestExactlyOnceWhereverTheProcessIsCut(4, 10))
                .isInstanceOfAny(AssertionError.class, InflightException.class);
    }

    @Test
    void shouldFindNoDriverWhenItIsCutWhileTheRegionIsMadeNew() {
        int stores = 2 * 4 + 6;
        for (int cut = 0; cut < stores; cut++) {
            CutMemory half = new CutMemory(4);
            new QueueRegion(half, 4).reset(4, 7);
            half.bytes.putShort(QueueRegion.ENTRY_BYTES, (short) 1); // the driver before had a request in flight
            half.storesLeft = cut;
            QueueRegion region = new QueueRegion(half, 4);
            assertThatThrownBy(() -> region.reset(4, 9)).isInstanceOf(Killed.class);
            assertThat(region.isValid()).as("cut at %s", cut).isEqualTo(cut == 0);
        }
    }

    private void explore(int stepsLeft) throws VringException, InflightException {
        for (Step step : Step.values()) {
            history.addLast(step);
            if (replay() && stepsLeft > 1) {
                explore(stepsLeft - 1);
            }
            history.removeLast();
        }
    }

    /** Runs the history from the start, looking at every cut in its last step; returns false if that was impossible. */
    private boolean replay() throws VringException, InflightException {
        driver = new DriverModel(living.at(RINGS), RINGS, num, true, START);
        memory.watcher = () -> {};
        memory.misbehave(null, null);
        QueueRegion log = new QueueRegion(memory, num);
        log.reset(num, START);
        memory.misbehave(omitted, late);
        queue = SplitVirtqueue.recover(driver.layout(), OPTIONS, livingMap, log);
        chain = queue.newChain();
        List.of(offered, fetched, pushed, working, done).forEach(List::clear);
        int left = history.size();
        for (Step step : history) {
            if (--left == 0) {
                memory.watcher = this::lookUnchecked;
            }
            if (!run(step)) {
                return false;
            }
        }
        look();
        return true;
    }

    private boolean run(Step step) {
        switch (step) {
            case OFFER -> {
                if (driver.freeCount() == 0) {
                    return false;
                }
                int head = driver.chain(List.of(new Piece(DATA, 16, true)));
                offered.add(head);
                driver.offer(head);
                driver.show();
            }
            case FETCH -> {
                if (queue.pop(chain) != Pop.CHAIN) {
                    return false;
                }
                working.add(fetched.size());
                fetched.add(chain.head());
            }
            case PUSH_OLDEST, PUSH_NEWEST -> {
                if (working.size() < (step == Step.PUSH_OLDEST ? 1 : 2)) {
                    return false;
                }
                int request = working.remove(step == Step.PUSH_OLDEST ? 0 : working.size() - 1);
                done.add(request);
                pushed.add(offered.get(request));
                queue.push(offered.get(request), 16);
            }
            case PUBLISH -> {
                if (((driver.usedIdx() - START) & 0xFFFF) == pushed.size()) {
                    return false;
                }
                queue.publish();
                while (driver.poll()) {
                    assertThat(driver.usedLen()).isEqualTo(16);
                }
            }
        }
        return true;
    }

    private void lookUnchecked() {
        try {
            look();
        } catch (VringException | InflightException e) {
            throw new AssertionError("after " + history, e);
        }
    }

    /** The process is killed here: what does a successor make of it, even if it is killed too, at any of its stores? */
    private void look() throws VringException, InflightException {
        int stores = succeed(-1);
        for (int cut = 0; cut < stores; cut++) {
            succeed(cut);
        }
    }

    /** Returns the number of stores that recovery needs. */
    private int succeed(int cut) throws VringException, InflightException {
        cuts++;
        ByteBuffer rings = afterwards.at(RINGS);
        rings.put(0, driver.memory(), 0, DriverModel.bytes(num));
        copy.becomeLike(memory.bytes);
        List<Integer> bySpecification = SpecificationRecovery.inFlight(copy.bytes, driver.usedIdx());
        QueueRegion log = new QueueRegion(copy, num);
        copy.storesLeft = cut;
        if (cut >= 0) {
            assertThatThrownBy(() -> SplitVirtqueue.recover(driver.layout(), OPTIONS, afterwardsMap, log))
                    .isInstanceOf(Killed.class);
        }
        copy.storesLeft = 1 << 20;
        SplitVirtqueue successor = SplitVirtqueue.recover(driver.layout(), OPTIONS, afterwardsMap, log);
        int stores = (1 << 20) - copy.storesLeft;
        finish(successor, bySpecification, rings);
        return stores;
    }

    private void finish(SplitVirtqueue successor, List<Integer> bySpecification, ByteBuffer rings) {
        int answered = (driver.usedIdx() - START) & 0xFFFF;
        List<Integer> expected = new ArrayList<>();
        for (int request = 0; request < offered.size(); request++) {
            if (!done.subList(0, answered).contains(request)) {
                expected.add(offered.get(request));
            }
        }
        DescriptorChain chainLeft = successor.newChain(); // the other one may be in the middle of a fetch
        int outstanding = successor.outstandingCount();
        List<Integer> found = new ArrayList<>();
        while (successor.pop(chainLeft) == Pop.CHAIN) {
            found.add(chainLeft.head());
        }
        assertThat(found).as("what is to be done after %s", history).isEqualTo(expected);
        assertThat(bySpecification)
                .as("in flight, as another back end sees it, after %s", history)
                .isEqualTo(found.subList(0, outstanding));
        for (int head : found) {
            successor.push(head, 1);
        }
        successor.publish();
        int usedAt = driver.usedAt();
        assertThat((rings.getShort(usedAt + 2) - START) & 0xFFFF)
                .as("answers after %s", history)
                .isEqualTo(offered.size());
        for (int i = 0; i < found.size(); i++) {
            int element = (START + answered + i) & (num - 1);
            assertThat(rings.getInt(usedAt + 4 + 8 * element)).isEqualTo(found.get(i));
        }
    }
}
