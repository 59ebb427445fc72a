package io.ashlar.client.volume;

import static io.ashlar.client.fake.Attached.await;
import static io.ashlar.client.fake.Attached.until;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.TestRequest;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.status.Status;
import io.ashlar.client.fake.Attached;
import io.ashlar.client.fake.FakeNode;
import io.ashlar.client.fake.FakeRequest;
import io.ashlar.client.session.SessionConfig;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.EventKind;
import io.ashlar.protocol.message.Open;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class RemoteVolumeTest {
    private static final int SIZE = 8 << 20;

    private final FakeNode node = new FakeNode(SIZE, 512);
    private final List<TestRequest> made = new ArrayList<>();
    private Attached attached;

    @BeforeEach
    void attach() throws Exception {
        attached = new Attached(node);
    }

    @AfterEach
    void detach() {
        attached.close();
        node.close();
        made.forEach(TestRequest::free);
    }

    private void reattach(VolumeOptions options) throws Exception {
        attached.close();
        attached = new Attached(node, unused -> options);
    }

    private TestRequest write(long offset, int length, int value) {
        return write(offset, length, value, 0);
    }

    private TestRequest write(long offset, int length, int value, int flags) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        TestRequest request = TestRequest.write(offset, bytes, 4096, flags);
        made.add(request);
        return request;
    }

    private TestRequest read(long offset, int length) {
        TestRequest request = TestRequest.read(offset, length, 4096);
        made.add(request);
        return request;
    }

    private static TestRequest flush() {
        return TestRequest.of(Operation.FLUSH, 0, 0, 0);
    }

    private List<Long> offsets(Opcode opcode) {
        return node.requests.stream()
                .filter(request -> request.opcode() == opcode)
                .map(FakeRequest::offset)
                .toList();
    }

    // ---- What is sent ----

    @Test
    void shouldTellGeometryAndEpochWhenAttached() {
        assertThat(attached.volume.geometry().sizeBytes()).isEqualTo(SIZE);
        assertThat(attached.volume.geometry().logicalBlockBytes()).isEqualTo(512);
        assertThat(attached.volume.epoch()).isEqualTo(1);
        assertThat(attached.volume.ended()).isNull();
    }

    @Test
    void shouldSendFlagsAsTheyAreAsked() {
        assertThat(attached.run(0, write(0, 4096, 1, BlockRequest.FUA))).isEqualTo(Status.OK);
        TestRequest zeroes = TestRequest.of(Operation.WRITE_ZEROES, 0, 4096, BlockRequest.UNMAP);
        assertThat(attached.run(0, zeroes)).isEqualTo(Status.OK);
        assertThat(node.requests.get(0).flags()).isEqualTo(FrameFlags.FUA);
        assertThat(node.requests.get(1).flags()).isEqualTo(FrameFlags.UNMAP);
    }

    @Test
    void shouldSendChecksumsThatMatchWhenPiecesAreUneven() {
        byte[] bytes = new byte[3 * 4096];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i * 31);
        }
        TestRequest request = TestRequest.write(4096 - 512, bytes, 700, 0);
        made.add(request);
        assertThat(attached.run(0, request)).isEqualTo(Status.OK);
        assertThat(node.requests.get(0).checksumsMatch()).isTrue();
        assertThat(Arrays.copyOfRange(node.bytes(), 3584, 3584 + bytes.length)).isEqualTo(bytes);
    }

    @Test
    void shouldKeepManyInFlightAndLetTheRestWaitWhenSlotsRunOut() throws Exception {
        reattach(Attached.options(node).withRequestsMax(4));
        node.keep = request -> true;
        TestRequest[] writes = new TestRequest[10];
        for (int i = 0; i < writes.length; i++) {
            writes[i] = write(i * 4096L, 4096, i + 1);
        }
        attached.submit(0, writes);
        until(() -> node.requests.size() == 4);
        node.release();
        for (TestRequest write : writes) {
            assertThat(await(write)).isEqualTo(Status.OK);
        }
        assertThat(offsets(Opcode.WRITE)).isSorted().hasSize(10);
    }

    // ---- Overlaps ----

    @Test
    void shouldHoldBackAnOverlappingRequestUntilTheFirstHasEnded() {
        node.keep = request -> request.opcode() == Opcode.WRITE;
        TestRequest first = write(0, 8192, 1);
        TestRequest second = write(4096, 512, 2);
        TestRequest reading = read(4096, 4096);
        attached.submit(0, first);
        until(() -> node.requests.size() == 1);
        attached.submit(1, second);
        attached.submit(0, reading);
        assertThat(attached.volume.counters().heldBack()).isEqualTo(2);
        node.release();
        assertThat(await(first)).isEqualTo(Status.OK);
        assertThat(await(second)).isEqualTo(Status.OK);
        assertThat(await(reading)).isEqualTo(Status.OK);
        assertThat(attached.volume.counters().wakeUps()).isBetween(1L, 2L);
        assertThat(reading.bytes()).startsWith(new byte[] {2, 2}).endsWith(new byte[] {1, 1});
    }

    // ---- Broken connections ----

    @Test
    void shouldSendEverythingAgainInOrderWhenTheConnectionBreaks() {
        node.keep = request -> true;
        TestRequest[] all = new TestRequest[6];
        for (int i = 0; i < 6; i++) {
            all[i] = i % 3 == 2 ? read(i * 4096L, 4096) : write(i * 4096L, 4096, i + 1);
        }
        attached.submit(0, all);
        until(() -> node.requests.size() == 6);
        node.requests.clear();
        node.keep = request -> false;
        node.disconnect();
        for (TestRequest request : all) {
            assertThat(await(request)).isEqualTo(Status.OK);
        }
        assertThat(node.requests.stream().map(FakeRequest::offset)).isSorted().hasSize(6);
        assertThat(attached.volume.counters().resent()).isEqualTo(6);
    }

    @Test
    void shouldWaitWhenTheNodeIsAwayAndGoOnWhenItIsBack() {
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        node.kill();
        TestRequest write = write(4096, 4096, 2);
        TestRequest read = read(0, 4096);
        attached.submit(0, write, read);
        attached.submit(1, flush());
        assertThat(write.status()).isNull();
        node.listen();
        assertThat(await(write)).isEqualTo(Status.OK);
        assertThat(await(read)).isEqualTo(Status.OK);
        assertThat(read.bytes()).containsOnly(1);
    }

    @Test
    void shouldReconnectWhenTheNodeFallsSilent() {
        node.answersPings = false;
        node.swallow = request -> true;
        TestRequest write = write(0, 4096, 1);
        attached.submit(0, write);
        until(() -> node.requests.size() == 1);
        node.swallow = request -> false;
        assertThat(await(write)).isEqualTo(Status.OK);
        assertThat(attached.volume.counters().resent()).isPositive();
        node.answersPings = true;
    }

    @Test
    void shouldNotSendBeforeTheNodeHasEndedTheOlderRequests() {
        node.answersOpen = false;
        node.disconnect();
        TestRequest write = write(0, 4096, 1);
        attached.submit(0, write);
        until(() -> attached.volume.counters().connected() == 2);
        assertThat(node.count(Opcode.WRITE)).isZero();
        node.answersOpen = true;
        node.disconnect();
        assertThat(await(write)).isEqualTo(Status.OK);
    }

    // ---- The node says no ----

    @Test
    void shouldHandOnAnErrorThatStays() {
        node.decide = request -> request.opcode() == Opcode.WRITE ? Status.NO_SPACE : Status.OK;
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.NO_SPACE);
        assertThat(attached.run(0, read(0, 4096))).isEqualTo(Status.OK);
    }

    @Test
    void shouldTryAgainWhenTheNodeIsBusy() {
        AtomicInteger refusals = new AtomicInteger(3);
        node.decide = request -> refusals.getAndDecrement() > 0 ? Status.BUSY : Status.OK;
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        assertThat(node.count(Opcode.WRITE)).isEqualTo(4);
    }

    @Test
    void shouldSendFromACopyWhenTheBytesMovedOnTheWay() {
        AtomicInteger mismatches = new AtomicInteger(1);
        node.decide = request -> mismatches.getAndDecrement() > 0 ? Status.CHECKSUM : Status.OK;
        assertThat(attached.run(0, write(512, 8192, 5))).isEqualTo(Status.OK);
        assertThat(attached.volume.counters().privateCopies()).isEqualTo(1);
        assertThat(node.bytes()[512]).isEqualTo((byte) 5);
        assertThat(node.bytes()[512 + 8191]).isEqualTo((byte) 5);
    }

    @Test
    void shouldGiveUpWhenEvenACopyNeverMatches() {
        node.decide = request -> Status.CHECKSUM;
        assertThat(attached.run(0, write(0, 4096, 5))).isEqualTo(Status.IO_ERROR);
        assertThat(node.count(Opcode.WRITE)).isEqualTo(4);
    }

    @Test
    void shouldReportAndReadAgainWhenABlockDoesNotMatchItsChecksum() {
        Arrays.fill(node.bytes(), (byte) 9);
        node.corruptReads.set(1);
        TestRequest read = read(8192 + 512, 4096);
        assertThat(attached.run(0, read)).isEqualTo(Status.OK);
        assertThat(read.bytes()).containsOnly(9);
        FakeRequest report = node.requests.stream()
                .filter(request -> request.opcode() == Opcode.REPORT_CORRUPT)
                .findFirst()
                .orElseThrow();
        assertThat(report.offset()).isEqualTo(8192);
        assertThat(report.length()).isEqualTo(4096);
        assertThat((int) report.aux()).isNotEqualTo((int) (report.aux() >>> 32));
        assertThat(attached.volume.counters().corruptAnswers()).isEqualTo(1);
    }

    @Test
    void shouldSendNoMoreReportsThanTheNodeGrants() throws Exception {
        node.inFlightMax = 2;
        reattach(Attached.options(node));
        node.keep = request -> request.opcode() == Opcode.REPORT_CORRUPT;
        node.corruptReads.set(3);
        assertThat(attached.run(0, read(0, 4096))).isEqualTo(Status.OK);
        assertThat(node.count(Opcode.READ)).isEqualTo(4);
        assertThat(node.count(Opcode.REPORT_CORRUPT)).isEqualTo(1);
        node.release();
    }

    @Test
    void shouldEndTheReadWithAnErrorWhenTheBlockStaysCorrupt() {
        node.corruptReads.set(1000);
        assertThat(attached.run(0, read(0, 4096))).isEqualTo(Status.CORRUPT);
        assertThat(node.count(Opcode.READ)).isEqualTo(4);
        node.corruptReads.set(0);
        assertThat(attached.run(0, read(0, 4096))).isEqualTo(Status.OK);
    }

    @Test
    void shouldStartOverWhenTheNodeForgotTheHandle() {
        AtomicInteger refusals = new AtomicInteger(1);
        node.decide = request -> refusals.getAndDecrement() > 0 ? Status.BAD_HANDLE : Status.OK;
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        assertThat(attached.volume.counters().resent()).isEqualTo(1);
    }

    @Test
    void shouldFailARequestOnceAndSendOnlyTheOthersAgainWhenTheNodeGivesTheConnectionUpOverIt() {
        node.decide = request -> request.offset() == 8192 ? Status.MALFORMED : Status.OK;
        node.keep = request -> request.offset() < 8192;
        TestRequest before = write(0, 4096, 1);
        TestRequest bad = write(8192, 4096, 2);
        TestRequest after = read(16384, 4096);
        attached.submit(0, before, bad, after);
        assertThat(await(bad)).isEqualTo(Status.IO_ERROR);
        node.keep = request -> false;
        node.disconnect();
        assertThat(await(before)).isEqualTo(Status.OK);
        assertThat(await(after)).isEqualTo(Status.OK);
        assertThat(offsets(Opcode.WRITE)).containsOnlyOnce(8192L);
        assertThat(attached.run(0, write(8192, 4096, 3))).isEqualTo(Status.IO_ERROR);
        assertThat(attached.volume.ended()).isNull();
    }

    @Test
    void shouldFailARequestWhenNoConnectionKnowsItsHandle() {
        node.decide = request -> request.opcode() == Opcode.WRITE ? Status.BAD_HANDLE : Status.OK;
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.IO_ERROR);
        assertThat(node.count(Opcode.WRITE)).isEqualTo(4);
        assertThat(attached.run(0, read(0, 4096))).isEqualTo(Status.OK);
    }

    @Test
    void shouldGoOnWaitingWhenTheConnectionBreaksOverTheSameRequestAgainAndAgain() {
        AtomicInteger left = new AtomicInteger(7);
        node.swallow = request -> {
            boolean breaks = request.opcode() == Opcode.WRITE && left.getAndDecrement() > 0;
            if (breaks) {
                node.breakOffAll();
            }
            return breaks;
        };
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        assertThat(node.count(Opcode.WRITE)).isEqualTo(8);
    }

    // ---- The end of an attachment ----

    @Test
    void shouldFailEverythingForGoodWhenFenced() {
        node.keep = request -> true;
        TestRequest inFlight = write(0, 4096, 1);
        TestRequest heldBack = write(0, 4096, 2);
        attached.submit(0, inFlight);
        attached.submit(1, heldBack);
        until(() -> node.requests.size() == 1);
        node.fence();
        node.release();
        assertThat(await(inFlight)).isEqualTo(Status.FENCED);
        assertThat(await(heldBack)).isEqualTo(Status.FENCED);
        assertThat(attached.run(1, read(0, 4096))).isEqualTo(Status.FENCED);
        assertThat(attached.volume.ended()).isEqualTo(Status.FENCED);
    }

    @Test
    void shouldFailEverythingWhenFencedWhileAway() {
        node.kill();
        TestRequest write = write(0, 4096, 1);
        attached.submit(0, write);
        node.fence();
        node.listen();
        assertThat(await(write)).isEqualTo(Status.FENCED);
    }

    @Test
    void shouldEndWhenTheNodeTellsThatAnotherHasTheVolume() {
        node.tell(EventKind.EVENT_KIND_FENCED, SIZE);
        until(() -> attached.volume.ended() != null);
        assertThat(attached.run(0, read(0, 4096))).isEqualTo(Status.FENCED);
    }

    @Test
    void shouldFailLoudlyWhenTheNodesMachineRestartedWithUnflushedWrites() {
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        node.reboot();
        assertThat(attached.run(0, flush())).isEqualTo(Status.LOST_WRITES);
        assertThat(attached.run(1, read(0, 4096))).isEqualTo(Status.LOST_WRITES);
    }

    @Test
    void shouldGoOnWhenTheNodesMachineRestartedAfterAFlush() {
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        assertThat(attached.run(1, flush())).isEqualTo(Status.OK);
        assertThat(attached.run(1, write(4096, 4096, 1, BlockRequest.FUA))).isEqualTo(Status.OK);
        node.reboot();
        assertThat(attached.run(0, flush())).isEqualTo(Status.OK);
        assertThat(attached.run(1, read(0, 4096))).isEqualTo(Status.OK);
    }

    @Test
    void shouldFailLoudlyWhenTheNodeWasRestartedAfterAFailedFlush() {
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        node.decide = request -> request.opcode() == Opcode.FLUSH ? Status.IO_ERROR : Status.OK;
        assertThat(attached.run(1, flush())).isEqualTo(Status.IO_ERROR);
        node.decide = request -> Status.OK;
        node.restart();
        assertThat(attached.run(0, flush())).isEqualTo(Status.LOST_WRITES);
        assertThat(attached.run(1, read(0, 4096))).isEqualTo(Status.LOST_WRITES);
    }

    @Test
    void shouldFailLoudlyWhenTheNodeWasRestartedAfterAFailedWrite() {
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        node.decide = request -> request.opcode() == Opcode.WRITE ? Status.IO_ERROR : Status.OK;
        assertThat(attached.run(1, write(4096, 4096, 1))).isEqualTo(Status.IO_ERROR);
        node.decide = request -> Status.OK;
        node.restart();
        assertThat(attached.run(0, flush())).isEqualTo(Status.LOST_WRITES);
    }

    @Test
    void shouldGoOnWhenTheNodeWasRestartedWithUnflushedWritesButASoundDisk() {
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        node.decide = request -> request.opcode() == Opcode.READ ? Status.IO_ERROR : Status.OK;
        assertThat(attached.run(0, read(0, 4096))).isEqualTo(Status.IO_ERROR);
        node.restart();
        assertThat(attached.run(0, flush())).isEqualTo(Status.OK);
    }

    @Test
    void shouldRememberUnflushedWritesOfAQueueThatWasClosed() {
        assertThat(attached.run(1, write(0, 4096, 1))).isEqualTo(Status.OK);
        attached.closeQueue(1);
        node.reboot();
        assertThat(attached.run(0, flush())).isEqualTo(Status.LOST_WRITES);
    }

    @Test
    void shouldEndWhenTheVolumeIsAnotherOneOfTheSameName() {
        node.replaceVolume();
        node.disconnect();
        until(() -> attached.volume.ended() != null);
        assertThat(attached.run(0, read(0, 4096))).isEqualTo(Status.NOT_FOUND);
    }

    @RepeatedTest(20)
    void shouldSendNothingToAnotherVolumeOfTheSameName() {
        node.replaceVolume();
        node.kill();
        TestRequest[] writes = {write(0, 4096, 1), write(4096, 4096, 1)};
        attached.submit(0, writes[0]);
        attached.submit(1, writes[1]);
        node.listen();
        for (TestRequest write : writes) {
            assertThat(await(write)).isEqualTo(Status.NOT_FOUND);
        }
        assertThat(node.count(Opcode.WRITE)).isZero();
    }

    @Test
    void shouldTellListenersWhenTheVolumeGrows() {
        AtomicInteger told = new AtomicInteger();
        attached.volume.onGeometryChange(told::incrementAndGet);
        node.tell(EventKind.EVENT_KIND_GEOMETRY_CHANGED, 2L * SIZE);
        until(() -> told.get() > 0);
        assertThat(attached.volume.geometry().sizeBytes()).isEqualTo(2L * SIZE);
    }

    // ---- I/O timeout ----

    @Test
    void shouldFailARequestOnlyAfterItsConnectionIsGoneWhenItTakesTooLong() throws Exception {
        reattach(Attached.options(node).withIoTimeoutMs(80));
        node.keep = request -> request.opcode() == Opcode.WRITE;
        node.answersOpen = false;
        TestRequest stuck = write(0, 4096, 1);
        attached.submit(0, stuck);
        assertThat(await(stuck)).isEqualTo(Status.TIMED_OUT);

        // The node may still work it off: nothing that overlaps may be sent before OPEN was answered.
        node.keep = request -> false;
        TestRequest next = write(0, 4096, 2);
        attached.submit(1, next);
        assertThat(await(next)).isEqualTo(Status.TIMED_OUT);
        assertThat(node.count(Opcode.WRITE)).isEqualTo(1);

        node.answersOpen = true;
        node.disconnect();
        until(() -> attached.run(1, write(0, 4096, 3)) == Status.OK);
        assertThat(node.bytes()[0]).isEqualTo((byte) 3);
    }

    @Test
    void shouldFailWhatWaitsForASlotWhenItTakesTooLong() throws Exception {
        reattach(Attached.options(node).withRequestsMax(2).withIoTimeoutMs(80));
        node.kill();
        TestRequest[] writes = new TestRequest[6];
        for (int i = 0; i < writes.length; i++) {
            writes[i] = write(i * 4096L, 4096, 1);
        }
        attached.submit(0, writes);
        for (TestRequest write : writes) {
            assertThat(await(write)).isEqualTo(Status.TIMED_OUT);
        }
        node.listen();
        until(() -> attached.run(0, write(0, 4096, 2)) == Status.OK);
    }

    @Test
    void shouldCountTheTimeThatARequestWaitsToBeCutWhenItTakesTooLong() throws Exception {
        reattach(Attached.options(node).withIoTimeoutMs(400));
        node.kill();
        TestRequest[] overEdges = new TestRequest[200];
        for (int i = 0; i < overEdges.length; i++) {
            overEdges[i] = write((1 << 20) * (1 + i % 7) - 512, 1024, 1);
        }
        attached.submit(0, overEdges);
        assertThat(await(overEdges[0])).isEqualTo(Status.TIMED_OUT);
        TestRequest later = write(0, 512, 1);
        assertThat(attached.run(0, later)).isEqualTo(Status.TIMED_OUT);
        assertThat(overEdges).allMatch(request -> request.status() == Status.TIMED_OUT);
        node.listen();
    }

    @Test
    void shouldTellHowLongTheOldestRequestHasWaited() throws Exception {
        reattach(Attached.options(node).withIoTimeoutMs(60_000));
        assertThat(attached.volume.oldestRequestNs()).isZero();
        node.keep = request -> true;
        TestRequest write = write(0, 4096, 1);
        attached.submit(0, write);
        until(() -> attached.volume.oldestRequestNs() > 0);
        node.release();
        assertThat(await(write)).isEqualTo(Status.OK);
        until(() -> attached.volume.oldestRequestNs() == 0);
    }

    @Test
    void shouldStayAsLargeAsItWasToldWhenAnOlderSizeComesLate() {
        List<Long> sizes = new CopyOnWriteArrayList<>();
        attached.volume.onGeometryChange(
                () -> sizes.add(attached.volume.geometry().sizeBytes()));
        node.tell(EventKind.EVENT_KIND_GEOMETRY_CHANGED, 2L * SIZE);
        until(() -> sizes.contains(2L * SIZE));
        node.disconnect(); // what it opens anew still tells the older size
        until(() -> attached.volume.counters().connected() == 4);
        node.tell(EventKind.EVENT_KIND_GEOMETRY_CHANGED, 3L * SIZE);
        until(() -> sizes.contains(3L * SIZE));
        assertThat(sizes).containsExactly(2L * SIZE, 3L * SIZE);
    }

    // ---- Giving the volume back ----

    /** A busy machine needs its time to connect again. */
    private void reattachWithPatience() throws Exception {
        reattach(Attached.options(node).withDetachTimeoutMs(30_000));
        node.detachments.set(0);
    }

    @Test
    void shouldGiveTheVolumeBackWhenTheNodeStillHasRequestsOfIt() throws Exception {
        reattachWithPatience();
        node.keep = request -> true;
        TestRequest write = write(0, 4096, 1);
        attached.submit(0, write);
        until(() -> node.requests.size() == 1);
        attached.volume.close();
        assertThat(attached.volume.isGivenBack()).isTrue();
        assertThat(node.detachments).hasValue(1);
        assertThat(await(write)).isEqualTo(Status.UNAVAILABLE);
        assertThat(node.bytes()[0]).isZero();
    }

    @Test
    void shouldGiveTheVolumeBackOnAnotherConnectionWhenTheOneForThatIsBroken() throws Exception {
        reattachWithPatience();
        node.busy = true;
        node.disconnect();
        int opens = node.opens.size();
        until(() -> node.opens.size() > opens + 3);
        Thread closing = new Thread(attached.volume::close);
        closing.start();
        until(() -> attached.volume.ended() != null);
        node.busy = false;
        until(() -> !closing.isAlive());
        assertThat(attached.volume.isGivenBack()).isTrue();
        assertThat(node.detachments).hasValue(1);
    }

    @Test
    void shouldKnowThatItIsGivenBackWhenOnlyTheAnswerWasLost() throws Exception {
        reattachWithPatience();
        node.onClose = () -> {
            node.fence();
            node.breakOffAll();
        };
        attached.volume.close();
        assertThat(attached.volume.isGivenBack()).isTrue();
        assertThat(attached.volume.ended()).isEqualTo(Status.UNAVAILABLE);
    }

    @Test
    void shouldNotBeGivenBackWhenItIsAbandoned() {
        attached.volume.abandon();
        attached.volume.close();
        assertThat(attached.volume.isGivenBack()).isFalse();
        assertThat(node.detachments).hasValue(0);
    }

    @Test
    void shouldGiveTheVolumeBackWhenWritesOfItWereLost() throws Exception {
        reattachWithPatience();
        loseWrites();
        AtomicReference<Status> told = new AtomicReference<>();
        attached.ask(0, 0, 4096, new BlockRuns(1), (status, runs) -> told.set(status));
        until(() -> told.get() != null);
        assertThat(told).hasValue(Status.LOST_WRITES);
        attached.volume.close();
        assertThat(attached.volume.isGivenBack()).isTrue();
        assertThat(attached.volume.ended()).isEqualTo(Status.LOST_WRITES);
        attached.volume.close();
        assertThat(node.detachments).hasValue(1);
    }

    @Test
    void shouldNotBeGivenBackWhenItIsAbandonedAfterWritesOfItWereLost() {
        loseWrites();
        attached.volume.abandon();
        attached.volume.close();
        assertThat(attached.volume.isGivenBack()).isFalse();
        assertThat(node.detachments).hasValue(0);
    }

    @Test
    void shouldKnowThatItIsGivenBackWhenAnotherHostHasTakenItSinceWritesOfItWereLost() throws Exception {
        reattachWithPatience();
        loseWrites();
        node.kill();
        node.fence();
        node.listen();
        attached.volume.close();
        assertThat(attached.volume.isGivenBack()).isTrue();
        assertThat(node.detachments).hasValue(0);
    }

    private void loseWrites() {
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        node.reboot();
        until(() -> attached.volume.ended() == Status.LOST_WRITES);
    }

    @Test
    void shouldGiveTheVolumeBackWhenTheNodesMachineIsRestartedMeanwhile() throws Exception {
        reattachWithPatience();
        assertThat(attached.run(0, write(0, 4096, 1))).isEqualTo(Status.OK);
        node.kill();
        Thread closing = new Thread(attached.volume::close);
        closing.start();
        until(() -> attached.volume.ended() != null);
        node.reboot();
        node.listen();
        until(() -> !closing.isAlive());
        assertThat(attached.volume.isGivenBack()).isTrue();
        assertThat(node.detachments).hasValue(1);
    }

    @Test
    void shouldCountAsGivenBackWhenTheNodeDoesNotHaveTheVolumeAnyMore() throws Exception {
        reattachWithPatience();
        node.closes = Status.NOT_FOUND;
        attached.volume.close();
        assertThat(attached.volume.isGivenBack()).isTrue();
    }

    // ---- Attaching ----

    @Test
    void shouldSayThatTheNodeDoesNotKnowOfTheEndWhenItCanNotNoteIt() throws Exception {
        ListAppender<ILoggingEvent> lines = new ListAppender<>();
        Logger logger = (Logger) LoggerFactory.getLogger(ControlSession.class);
        lines.start();
        logger.addAppender(lines);
        try {
            node.closes = Status.IO_ERROR;
            attached.volume.close();
            assertThat(lines.list)
                    .extracting(ILoggingEvent::getFormattedMessage)
                    .contains("vol: detached without the node's knowledge");
            assertThat(attached.volume.isGivenBack()).isFalse();
        } finally {
            logger.detachAppender(lines);
        }
    }

    @Test
    void shouldNumberItsOpensSoThatTheNodeKnowsTheLatest() {
        node.disconnect();
        until(() -> attached.volume.counters().connected() == 4);
        assertThat(node.opens.get(0).getAttempt()).isPositive();
        for (int loop = 0; loop < 3; loop++) {
            int ofLoop = loop;
            assertThat(node.opens.stream()
                            .filter(open -> open.getLoop() == ofLoop)
                            .map(Open::getAttempt))
                    .as("loop %d", loop)
                    .isSorted()
                    .doesNotHaveDuplicates();
        }
    }

    @Test
    void shouldSayThatTheNodeIsBusyWhenItStaysSoAndGoOnWhenItDoesNot() throws Exception {
        node.busy = true;
        node.disconnect();
        TestRequest write = write(0, 4096, 1);
        attached.submit(0, write);
        EpollLoops loops = EpollLoops.floating("attach", 1);
        VolumeOptions usual = Attached.options(node);
        VolumeOptions impatient =
                new VolumeOptions(usual.session(), usual.volume(), usual.mode(), usual.requestsMax(), 300, 0);
        assertThatThrownBy(() -> RemoteVolume.open(impatient, loops.all().get(0)))
                .isInstanceOf(AttachException.class)
                .hasMessageStartingWith("can't open volume 'vol' on localhost:")
                .hasMessageEndingWith(": fake node: busy");
        loops.close();
        assertThat(write.status()).isNull();
        node.busy = false;
        assertThat(await(write)).isEqualTo(Status.OK);
    }

    @Test
    void shouldSayInOneLineWhyAVolumeCanNotBeOpened() {
        EpollLoops loops = EpollLoops.floating("attach", 1);
        VolumeOptions unknown =
                VolumeOptions.of(SessionConfig.of(node.address(), "host"), "nope", AccessMode.READ_WRITE);
        assertThatThrownBy(() -> RemoteVolume.open(unknown, loops.all().get(0)))
                .isInstanceOf(AttachException.class)
                .hasMessageContaining("'nope'")
                .hasMessageContaining("no such volume");
        SessionConfig nobody = SessionConfig.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 1), "host");
        assertThatThrownBy(() -> RemoteVolume.open(
                        VolumeOptions.of(nobody, "vol", AccessMode.READ_WRITE),
                        loops.all().get(0)))
                .isInstanceOf(AttachException.class)
                .hasMessage("can't open volume 'vol' on localhost:1: connection refused");
        loops.close();
    }
}
