package io.ashlar.base.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.status.Status;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RegionSplitterTest {
    private static final long MIB = BlockGeometry.REGION_BYTES;

    private final Below below = new Below();
    private long nowNs;
    private final RegionSplitter splitter = new RegionSplitter(below, 4, 64, () -> nowNs);

    @Test
    void shouldPassTheRequestItselfWhenItFits() {
        TestRequest request = TestRequest.read(MIB, 4096, 4096);
        splitter.submit(request);
        assertThat(below.taken).containsExactly(request);
        below.completeNext(Status.OK);
        assertThat(request.status()).isEqualTo(Status.OK);
        request.free();
    }

    @Test
    void shouldCutAtEveryRegionWhenARequestCrossesSome() {
        TestRequest request = TestRequest.read(MIB - 512, (int) MIB + 1024, 65536);
        splitter.submit(request);
        assertThat(below.ranges()).containsExactly("1048064+512", "1048576+1048576", "2097152+512");
        below.completeNext(Status.OK);
        below.completeNext(Status.OK);
        assertThat(request.status()).isNull();
        below.completeNext(Status.OK);
        assertThat(request.status()).isEqualTo(Status.OK);
        request.free();
    }

    @Test
    void shouldGiveEveryPartTheTimeOfItsRequestHoweverLateItIsCut() {
        nowNs = 7;
        TestRequest request = TestRequest.of(Operation.WRITE_ZEROES, 0, 6L << 30, 0);
        splitter.submit(request);
        nowNs = 9;
        while (request.status() == null) {
            assertThat(below.taken).allMatch(part -> part.submittedNs() == 7);
            below.completeNext(Status.OK);
        }
    }

    @Test
    void shouldEndWithTheFirstErrorOnlyWhenAllPartsHaveEnded() {
        TestRequest request = TestRequest.of(Operation.DISCARD, 0, 3L << 30, 0);
        splitter.submit(request);
        below.completeNext(Status.NO_SPACE);
        below.completeNext(Status.IO_ERROR);
        assertThat(request.status()).isNull();
        below.completeNext(Status.OK);
        assertThat(request.status()).isEqualTo(Status.NO_SPACE);
    }

    @Test
    void shouldKeepTheOrderWhenPartsRunOut() {
        TestRequest large = TestRequest.of(Operation.WRITE_ZEROES, 0, 6L << 30, 0);
        TestRequest next = TestRequest.of(Operation.WRITE_ZEROES, 512, 1L << 30, 0);
        splitter.submit(large);
        splitter.submit(next);
        assertThat(below.taken).hasSize(4);
        while (next.status() == null) {
            below.completeNext(Status.OK);
        }
        assertThat(large.status()).isEqualTo(Status.OK);
        assertThat(next.status()).isEqualTo(Status.OK);
        assertThat(below.completed).isEqualTo(8);
        assertThat(below.batches).isPositive();
    }

    @Test
    void shouldNotGrowTheStackWhenPartsCompleteAtOnce() {
        below.completeAtOnce = true;
        TestRequest huge = TestRequest.of(Operation.DISCARD, 0, 100_000L << 30, 0);
        splitter.submit(huge);
        assertThat(huge.status()).isEqualTo(Status.OK);
        assertThat(below.completed).isEqualTo(100_000);
    }

    private static final class Below implements BlockQueue {
        private final List<BlockRequest> taken = new ArrayList<>();
        private boolean completeAtOnce;
        private int completed;
        private int batches;

        @Override
        public void submit(BlockRequest request) {
            if (completeAtOnce) {
                completed++;
                request.complete(Status.OK);
            } else {
                taken.add(request);
            }
        }

        @Override
        public void endBatch() {
            batches++;
        }

        @Override
        public void close() {}

        void completeNext(Status status) {
            completed++;
            taken.remove(0).complete(status);
        }

        List<String> ranges() {
            return taken.stream()
                    .map(r -> r.offsetBytes() + "+" + r.lengthBytes())
                    .toList();
        }
    }
}
