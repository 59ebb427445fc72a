package io.ashlar.client.range;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class RangeTableTest {
    private static final long BLOCK = BlockGeometry.BLOCK_BYTES;
    private static final long REGION = BlockGeometry.REGION_BYTES;

    private final RangeTable table = new RangeTable();
    private final HoldPool pool = new HoldPool(4);
    private final WakeList woken = new WakeList();
    private int wakes;

    private RangeClaim claim() {
        return new RangeClaim(table, () -> wakes++, pool);
    }

    private void end(RangeClaim claim) {
        claim.end(woken);
        woken.wakeAll();
    }

    @Test
    void shouldHoldBackAWriteUntilTheOneItOverlapsHasEnded() {
        RangeClaim first = claim();
        RangeClaim second = claim();
        assertThat(first.start(0, 8192, true)).isTrue();
        assertThat(second.start(4096, 512, true)).isFalse();
        assertThat(second.isGranted()).isFalse();
        end(first);
        assertThat(wakes).isEqualTo(1);
        assertThat(second.isGranted()).isTrue();
        end(second);
    }

    @Test
    void shouldCountWholeBlocksWhenSectorsOfOneBlockAreWritten() {
        RangeClaim first = claim();
        RangeClaim second = claim();
        assertThat(first.start(0, 512, true)).isTrue();
        assertThat(second.start(3584, 512, true)).isFalse();
        end(second);
        end(first);
    }

    @Test
    void shouldLetReadsRunTogetherButHoldThemBackBehindAWrite() {
        RangeClaim read = claim();
        RangeClaim otherRead = claim();
        RangeClaim write = claim();
        RangeClaim lateRead = claim();
        assertThat(read.start(0, 4096, false)).isTrue();
        assertThat(otherRead.start(0, 4096, false)).isTrue();
        assertThat(write.start(0, 4096, true)).isFalse();
        assertThat(lateRead.start(0, 4096, false))
                .as("must not overtake the write")
                .isFalse();
        end(read);
        assertThat(write.isGranted()).isFalse();
        end(otherRead);
        assertThat(write.isGranted()).isTrue();
        assertThat(lateRead.isGranted()).isFalse();
        end(write);
        assertThat(lateRead.isGranted()).isTrue();
        end(lateRead);
    }

    @Test
    void shouldNotHoldBackWhatOnlySharesABucket() {
        RangeClaim first = claim();
        RangeClaim second = claim();
        assertThat(first.start(0, REGION, true)).isTrue();
        assertThat(second.start(BlockGeometry.EXTENT_BYTES, REGION, true)).isTrue();
        end(first);
        end(second);
        assertThat(wakes).isZero();
    }

    @Test
    void shouldClaimRegionAfterRegionWhenARangeIsWide() {
        RangeClaim narrow = claim();
        RangeClaim wide = claim();
        RangeClaim behind = claim();
        assertThat(narrow.start(5 * REGION + 8192, 4096, true)).isTrue();
        assertThat(wide.start(512, 10 * REGION, true)).isFalse();
        assertThat(behind.start(2 * REGION, 4096, false)).isFalse();
        assertThat(claim().start(9 * REGION, 4096, false)).as("not claimed yet").isTrue();
        end(narrow);
        assertThat(wide.isGranted()).as("the read at region 9 came first").isFalse();
        end(wide);
        assertThat(behind.isGranted()).isTrue();
    }

    @Test
    void shouldForgetAWaitingClaimWhenItIsGivenUp() {
        RangeClaim first = claim();
        RangeClaim givenUp = claim();
        RangeClaim third = claim();
        assertThat(first.start(0, 4096, false)).isTrue();
        assertThat(givenUp.start(0, 4096, true)).isFalse();
        assertThat(third.start(0, 4096, false)).isFalse();
        end(givenUp);
        assertThat(third.isGranted()).isTrue();
    }

    @Property(tries = 300)
    void shouldGrantExactlyWhatAModelGrants(@ForAll long seed) {
        Random random = new Random(seed);
        RangeTable fresh = new RangeTable();
        List<Modelled> live = new ArrayList<>();
        for (int step = 0; step < 200; step++) {
            if (live.isEmpty() || random.nextInt(5) < 3) {
                Modelled entry = new Modelled(
                        new RangeClaim(fresh, () -> {}, pool),
                        random.nextInt(64) * BLOCK,
                        (1 + random.nextInt(8)) * BLOCK,
                        random.nextBoolean());
                boolean granted = entry.claim.start(entry.offset, entry.length, entry.write);
                assertThat(granted).as("step %d", step).isEqualTo(entry.isFree(live));
                live.add(entry);
            } else {
                live.remove(random.nextInt(live.size())).claim.end(woken);
            }
            for (int i = 0; i < live.size(); i++) {
                assertThat(live.get(i).claim.isGranted())
                        .as("step %d entry %d", step, i)
                        .isEqualTo(live.get(i).isFree(live.subList(0, i)));
            }
        }
    }

    private record Modelled(RangeClaim claim, long offset, long length, boolean write) {
        boolean isFree(List<Modelled> earlier) {
            return earlier.stream()
                    .noneMatch(e -> (write || e.write) && offset < e.offset + e.length && e.offset < offset + length);
        }
    }

    /** Four loops hammer a few blocks; inside a granted claim nobody else may be, and everybody gets on. */
    @Test
    void shouldKeepLoopsApartWhenFourOfThemHammerTheSameBlocks() throws Exception {
        int loops = 4;
        AtomicIntegerArray occupancy = new AtomicIntegerArray(40 * 256);
        AtomicInteger violations = new AtomicInteger();
        AtomicInteger waited = new AtomicInteger();
        CountDownLatch done = new CountDownLatch(loops);
        for (int i = 0; i < loops; i++) {
            Hammer hammer = new Hammer(new Random(i), occupancy, violations, waited);
            Thread thread = new Thread(
                    () -> {
                        hammer.run(60_000);
                        done.countDown();
                    },
                    "hammer-" + i);
            hammer.thread = thread;
            thread.start();
        }
        assertThat(done.await(60, TimeUnit.SECONDS)).as("a wake-up got lost").isTrue();
        assertThat(violations).hasValue(0);
        assertThat(waited.get()).as("claims that had to wait").isPositive();
    }

    private final class Hammer implements RangeOwner {
        private static final int WRITER = 1 << 16;

        private final Random random;
        private final AtomicIntegerArray occupancy;
        private final AtomicInteger violations;
        private final AtomicInteger waited;
        private final WakeList list = new WakeList();
        private final RangeClaim claim = new RangeClaim(table, this, new HoldPool(1));
        private volatile Thread thread;

        Hammer(Random random, AtomicIntegerArray occupancy, AtomicInteger violations, AtomicInteger waited) {
            this.random = random;
            this.occupancy = occupancy;
            this.violations = violations;
            this.waited = waited;
        }

        @Override
        public void wake() {
            LockSupport.unpark(thread);
        }

        void run(int rounds) {
            for (int i = 0; i < rounds; i++) {
                boolean write = random.nextInt(3) > 0;
                int first = random.nextInt(64);
                int blocks = random.nextInt(500) == 0 ? 2000 : 1 + random.nextInt(6);
                if (!claim.start(first * BLOCK, blocks * BLOCK, write)) {
                    waited.incrementAndGet();
                    while (!claim.isGranted()) {
                        LockSupport.park();
                    }
                }
                visit(first, blocks, write ? WRITER : 1, write);
                claim.end(list);
                list.wakeAll();
            }
        }

        private void visit(int first, int blocks, int mark, boolean write) {
            for (int b = first; b < first + blocks; b++) {
                int before = occupancy.getAndAdd(b, mark);
                if (write ? before != 0 : before >= WRITER) {
                    violations.incrementAndGet();
                }
            }
            for (int b = first; b < first + blocks; b++) {
                occupancy.addAndGet(b, -mark);
            }
        }
    }
}
