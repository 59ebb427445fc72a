package io.ashlar.vduse.vring;

import static io.ashlar.vduse.vring.DriverModel.F_INDIRECT;
import static io.ashlar.vduse.vring.DriverModel.F_NEXT;
import static io.ashlar.vduse.vring.DriverModel.F_WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.inflight.QueueRegion;
import io.ashlar.vduse.vring.DriverModel.Piece;
import io.ashlar.vduse.vring.SplitVirtqueue.Pop;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SplitVirtqueueTest {
    private static final long RINGS = 0x10000;
    private static final long DATA = 0x80000;
    private static final int DATA_BYTES = 0x10000;
    private static final int NUM = 8;

    private final GuestMemory guest = new GuestMemory(0x20000)
            .region(RINGS, 0x1000, Access.READ_WRITE)
            .region(DATA, DATA_BYTES, Access.READ_WRITE);
    private final MemoryMap map = guest.map();
    private DriverModel driver = new DriverModel(guest.at(RINGS), RINGS, NUM, true, 0);

    private SplitVirtqueue open(boolean eventIdx, boolean indirect, int start) {
        driver = new DriverModel(guest.at(RINGS), RINGS, NUM, eventIdx, start);
        try {
            VringOptions options = new VringOptions(eventIdx, indirect);
            return new SplitVirtqueue(driver.layout(), options, new VringPosition(start, start), map);
        } catch (VringException e) {
            throw new AssertionError(e);
        }
    }

    private int offer() {
        int head = driver.chain(List.of(new Piece(DATA, 16, false), new Piece(DATA + 16, 1, true)));
        driver.offer(head);
        return head;
    }

    @Test
    void shouldCopyChainWithReadablePartFirst() {
        SplitVirtqueue queue = open(true, false, 0);
        int head = driver.chain(
                List.of(new Piece(DATA, 16, false), new Piece(DATA + 64, 0, false), new Piece(DATA + 100, 7, true)));
        driver.offer(head);
        driver.show();
        DescriptorChain chain = queue.newChain();

        assertThat(queue.pop(chain)).isEqualTo(Pop.CHAIN);
        assertThat(chain.head()).isEqualTo(head);
        assertThat(chain.count()).isEqualTo(3);
        assertThat(chain.readableCount()).isEqualTo(2);
        assertThat(chain.readableBytes()).isEqualTo(16);
        assertThat(chain.writableBytes()).isEqualTo(7);
        assertThat(chain.address(2)).isEqualTo(DATA + 100);
        assertThat(queue.pop(chain)).isEqualTo(Pop.EMPTY);
    }

    @Test
    void shouldFollowIndirectTableBehindDirectDescriptors() {
        SplitVirtqueue queue = open(true, true, 0);
        ByteBuffer data = guest.at(DATA);
        List<Piece> pieces =
                List.of(new Piece(DATA, 16, false), new Piece(DATA + 32, 8, false), new Piece(DATA + 64, 9, true));
        // An odd address: a table needs no alignment.
        driver.offer(driver.chain(pieces, 1, data.slice(0x301, 64).order(data.order()), DATA + 0x301));
        driver.show();
        DescriptorChain chain = queue.newChain();

        assertThat(queue.pop(chain)).isEqualTo(Pop.CHAIN);
        assertThat(chain.count()).isEqualTo(3);
        assertThat(chain.readableBytes()).isEqualTo(24);
        assertThat(chain.writableBytes()).isEqualTo(9);
    }

    @Test
    void shouldTakeIndirectChainLongerThanSmallQueue() {
        SplitVirtqueue queue = open(true, true, 0);
        ByteBuffer data = guest.at(DATA);
        List<Piece> pieces = Stream.generate(() -> new Piece(DATA, 1, true))
                .limit(SplitVirtqueue.INDIRECT_CHAIN_MIN)
                .toList();
        driver.offer(driver.chain(pieces, 0, data, DATA));
        driver.show();

        DescriptorChain chain = queue.newChain();
        assertThat(queue.pop(chain)).isEqualTo(Pop.CHAIN);
        assertThat(chain.writableBytes()).isEqualTo(SplitVirtqueue.INDIRECT_CHAIN_MIN);
    }

    static Stream<Arguments> brokenRules() {
        return Stream.of(
                rule(VringFault.HEAD_OUT_OF_RANGE, d -> d.offer(NUM)),
                rule(VringFault.HEAD_OUT_OF_RANGE, d -> d.offer(0xFFFF)),
                rule(VringFault.CHAIN_TOO_LONG, d -> one(d, DATA, 1, F_NEXT, 0)),
                rule(VringFault.NEXT_OUT_OF_RANGE, d -> one(d, DATA, 1, F_NEXT, NUM)),
                rule(VringFault.READABLE_AFTER_WRITABLE, d -> {
                    d.descriptor(0, DATA, 1, F_WRITE | F_NEXT, 1);
                    d.descriptor(1, DATA, 1, 0, 0);
                    d.offer(0);
                }),
                rule(VringFault.INDIRECT_TABLE_SIZE, d -> one(d, DATA, 0, F_INDIRECT, 0)),
                rule(VringFault.INDIRECT_TABLE_SIZE, d -> one(d, DATA, 17, F_INDIRECT, 0)),
                rule(VringFault.INDIRECT_TABLE_SIZE, d -> one(d, DATA, -16, F_INDIRECT, 0)),
                rule(VringFault.INDIRECT_TABLE_SIZE, d -> one(d, DATA, 16 * 129, F_INDIRECT, 0)),
                rule(VringFault.INDIRECT_NESTED, d -> one(d, DATA, 16, F_INDIRECT | F_NEXT, 1)),
                rule(VringFault.ADDRESS_NOT_MAPPED, d -> one(d, DATA + DATA_BYTES - 15, 16, F_INDIRECT, 0)),
                rule(VringFault.ADDRESS_NOT_MAPPED, d -> one(d, -16, 32, F_INDIRECT, 0)),
                rule(VringFault.INDIRECT_NESTED, d -> {
                    d.descriptor(0, RINGS + 16, 16, F_INDIRECT, 0);
                    d.descriptor(1, RINGS + 16, 16, F_INDIRECT, 0);
                    d.offer(0);
                }),
                rule(VringFault.CHAIN_TOO_LONG, d -> {
                    d.descriptor(0, RINGS + 16, 32, F_INDIRECT, 0);
                    d.descriptor(1, DATA, 1, F_NEXT, 1);
                    d.descriptor(2, DATA, 1, F_NEXT, 0);
                    d.offer(0);
                }),
                rule(VringFault.NEXT_OUT_OF_RANGE, d -> {
                    d.descriptor(0, RINGS + 16, 32, F_INDIRECT, 0);
                    d.descriptor(1, DATA, 1, F_NEXT, 2);
                    d.offer(0);
                }),
                rule(VringFault.HEAD_IN_FLIGHT, d -> {
                    d.descriptor(0, DATA, 1, 0, 0);
                    d.offer(0);
                    d.offer(0);
                }),
                rule(VringFault.AVAIL_INDEX_JUMP, d -> {
                    for (int i = 0; i <= NUM; i++) {
                        d.offer(0);
                    }
                }));
    }

    private static Arguments rule(VringFault fault, Consumer<DriverModel> mistake) {
        return Arguments.of(fault, mistake);
    }

    private static void one(DriverModel driver, long address, int length, int flags, int next) {
        driver.descriptor(0, address, length, flags, next);
        driver.offer(0);
    }

    @ParameterizedTest
    @MethodSource("brokenRules")
    void shouldBreakForGoodWhenDriverBreaksRule(VringFault expected, Consumer<DriverModel> mistake) {
        SplitVirtqueue queue = open(true, true, 65530);
        mistake.accept(driver);
        driver.show();
        DescriptorChain chain = queue.newChain();
        Pop last = queue.pop(chain);
        while (last == Pop.CHAIN) {
            last = queue.pop(chain);
        }

        assertThat(last).isEqualTo(Pop.BROKEN);
        assertThat(queue.fault()).isEqualTo(expected);
        assertThat(queue.enableKicks()).isFalse();
        driver.restart(0);
        offer();
        driver.show();
        assertThat(queue.pop(chain)).isEqualTo(Pop.BROKEN);
    }

    @Test
    void shouldRefuseIndirectDescriptorWhenNotNegotiated() {
        SplitVirtqueue queue = open(true, false, 0);
        one(driver, DATA, 16, F_INDIRECT, 0);
        driver.show();

        assertThat(queue.pop(queue.newChain())).isEqualTo(Pop.BROKEN);
        assertThat(queue.fault()).isEqualTo(VringFault.INDIRECT_NOT_NEGOTIATED);
    }

    @Test
    void shouldCarryChainsAcrossIndexWrap() {
        SplitVirtqueue queue = open(true, false, 65533);
        DescriptorChain chain = queue.newChain();
        for (int i = 0; i < 10; i++) {
            int head = offer();
            driver.show();
            assertThat(queue.pop(chain)).isEqualTo(Pop.CHAIN);
            queue.push(chain.head(), 1 + i);
            queue.publish();
            assertThat(driver.poll()).isTrue();
            assertThat(driver.usedId()).isEqualTo(head);
            assertThat(driver.usedLen()).isEqualTo(1 + i);
        }
        assertThat(queue.position()).isEqualTo(new VringPosition(7, 7));
    }

    private SplitVirtqueue recover(QueueRegion log) throws VringException, InflightException {
        return SplitVirtqueue.recover(driver.layout(), new VringOptions(true, false), map, log);
    }

    @Test
    void shouldFetchWhatADeadOwnerLeftFirstAndInItsOrder() throws Exception {
        driver = new DriverModel(guest.at(RINGS), RINGS, NUM, true, 65535);
        QueueRegion log = QueueRegion.ofThisProcess(NUM);
        log.reset(NUM, 65535);
        SplitVirtqueue dead = recover(log);
        int[] heads = {offer(), offer(), offer()};
        driver.show();
        DescriptorChain chain = dead.newChain();
        for (int i = 0; i < heads.length; i++) {
            dead.pop(chain);
        }
        dead.push(heads[1], 1);
        dead.publish();
        dead.push(heads[0], 1); // and killed before it is published
        int fresh = offer();
        driver.show();

        SplitVirtqueue next = recover(log);
        assertThat(next.outstandingCount()).isEqualTo(2);
        for (int wanted : new int[] {heads[0], heads[2], fresh}) {
            assertThat(next.pop(chain)).isEqualTo(Pop.CHAIN);
            assertThat(chain.head()).isEqualTo(wanted);
        }
        assertThat(next.pop(chain)).isEqualTo(Pop.EMPTY);
        next.push(heads[2], 1);
        assertThat(next.publish()).as("the first call is never left out").isTrue();
    }

    @Test
    void shouldRefuseALogThatDoesNotFitTheRings() throws Exception {
        QueueRegion log = QueueRegion.ofThisProcess(NUM);
        log.reset(NUM, 0);
        offer();
        driver.show();
        SplitVirtqueue dead = recover(log);
        DescriptorChain chain = dead.newChain();
        dead.pop(chain);
        driver = new DriverModel(guest.at(RINGS), RINGS, NUM, true, 0);
        assertThatThrownBy(() -> recover(log))
                .isInstanceOf(InflightException.class)
                .hasMessageContaining("more than the driver has offered");
        driver = new DriverModel(guest.at(RINGS), RINGS, NUM, true, 100);
        assertThatThrownBy(() -> recover(log)).isInstanceOf(InflightException.class);
        log.invalidate();
        assertThatThrownBy(() -> recover(log)).isInstanceOf(InflightException.class);
    }

    @Test
    void shouldCallOnlyWhenUsedEventIsPassed() {
        SplitVirtqueue queue = open(true, false, 0);
        DescriptorChain chain = queue.newChain();
        offer();
        offer();
        offer();
        driver.show();
        driver.enableCalls();
        queue.pop(chain);
        queue.push(chain.head(), 1);
        assertThat(queue.publish()).isTrue();
        queue.pop(chain);
        queue.push(chain.head(), 1);
        assertThat(queue.publish()).as("used_event lies behind").isFalse();
        driver.poll();
        driver.poll();
        driver.enableCalls();
        queue.pop(chain);
        queue.push(chain.head(), 1);
        assertThat(queue.publish()).isTrue();
        assertThat(queue.publish()).as("nothing new").isFalse();
    }

    @Test
    void shouldObeyFlagsWithoutEventIdx() {
        SplitVirtqueue queue = open(false, false, 0);
        DescriptorChain chain = queue.newChain();
        queue.disableKicks();
        offer();
        offer();
        assertThat(driver.show()).as("wants a kick").isFalse();
        assertThat(queue.enableKicks()).as("more").isTrue();
        queue.pop(chain);
        driver.disableCalls();
        queue.push(chain.head(), 1);
        assertThat(queue.publish()).isFalse();
        driver.enableCalls();
        queue.pop(chain);
        queue.push(chain.head(), 1);
        assertThat(queue.publish()).isTrue();
        assertThat(queue.enableKicks()).isFalse();
        offer();
        assertThat(driver.show()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 65535})
    void shouldTakeBackTheWishForKickWithEventIdx(int start) {
        SplitVirtqueue queue = open(true, false, start);
        assertThat(queue.enableKicks()).isFalse();
        queue.disableKicks();
        offer();
        offer();
        assertThat(driver.show()).isFalse();
        assertThat(queue.enableKicks()).as("more").isTrue();
        assertThat(queue.pop(queue.newChain())).isEqualTo(Pop.CHAIN);
    }

    @Test
    void shouldWantNoKickWithEventIdxUntilAsked() {
        SplitVirtqueue queue = open(true, false, 65534);
        DescriptorChain chain = queue.newChain();
        offer();
        assertThat(driver.show()).as("the first is always wanted").isTrue();
        queue.pop(chain);
        queue.push(chain.head(), 1);
        queue.publish();
        offer();
        assertThat(driver.show()).as("still draining").isFalse();
        assertThat(queue.enableKicks()).isTrue();
        queue.pop(chain);
        assertThat(queue.enableKicks()).isFalse();
        offer();
        assertThat(driver.show()).isTrue();
    }

    @Test
    void shouldRefuseRingsThatAreNotMappedOrMisaligned() {
        VringOptions options = new VringOptions(true, true);
        VringLayout good = driver.layout();
        assertThatThrownBy(() -> new SplitVirtqueue(
                        new VringLayout(NUM, 0x1000, good.availIova(), good.usedIova()),
                        options,
                        VringPosition.START,
                        map))
                .isInstanceOfSatisfying(
                        VringException.class, e -> assertThat(e.fault()).isEqualTo(VringFault.RING_NOT_MAPPED));
        assertThatThrownBy(() -> new SplitVirtqueue(
                        new VringLayout(NUM, good.descriptorIova(), good.availIova(), good.usedIova() + 2),
                        options,
                        VringPosition.START,
                        map))
                .isInstanceOfSatisfying(
                        VringException.class, e -> assertThat(e.fault()).isEqualTo(VringFault.RING_MISALIGNED));
    }

    @Test
    void shouldRefuseToHandBackChainThatIsNotInFlight() {
        SplitVirtqueue queue = open(true, true, 0);
        assertThatThrownBy(() -> queue.push(3, 1)).isInstanceOf(IllegalStateException.class);
    }
}
