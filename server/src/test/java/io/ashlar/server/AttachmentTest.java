package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.MessageLite;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.CreateVolume;
import io.ashlar.protocol.message.DeleteVolume;
import io.ashlar.protocol.message.EventKind;
import io.ashlar.protocol.message.GetNodeStatus;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.protocol.message.ReleaseVolume;
import io.ashlar.protocol.message.ShowVolume;
import io.ashlar.protocol.message.VolumeInfo;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who may use a volume, and what becomes of those who may no longer. */
class AttachmentTest {
    private static final OpenMode RW = OpenMode.OPEN_MODE_READ_WRITE;

    @TempDir
    Path folder;

    private NodeFixture node;
    private RawClient a;
    private RawClient b;

    @BeforeEach
    void start() throws IOException {
        node = new NodeFixture(folder);
        a = RawClient.ready(node.address());
        b = RawClient.ready(node.address());
        assertThat(a.create("v", 1 << 20, 4096).status()).isEqualTo(Status.OK);
    }

    @AfterEach
    void stop() throws IOException {
        a.close();
        b.close();
        node.close();
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("it never came true").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private VolumeInfo show() throws IOException {
        return a.adminOk(AdminRequest.newBuilder()
                        .setShowVolume(ShowVolume.newBuilder().setName("v"))
                        .build())
                .getShowVolume();
    }

    @Test
    void shouldSayWhoHoldsItSinceWhenWhenAnotherHostAsks() throws IOException {
        a.openOk("v", "host-a", RW, 0, 0);
        RawClient.Frame answer = b.open("v", "host-b", RW, 0, 0);
        assertThat(answer.status()).isEqualTo(Status.IN_USE);
        assertThat(answer.detail().getMessage()).startsWith("volume v is held by host-a since 20");
        assertThat(answer.detail().getHolder().getHostId()).isEqualTo("host-a");
        assertThat(answer.detail().getHolder().getEpoch()).isEqualTo(1);
        assertThat(show().getHolder().getHostId()).isEqualTo("host-a");
    }

    @Test
    void shouldFenceTheOldProcessWhenTheSameHostTakesItsOwnBack() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        OpenAnswer second = b.openOk("v", "host-a", RW, 0, 0);
        assertThat(second.getEpoch()).isEqualTo(first.getEpoch() + 1);
        assertThat(second.getIncarnation()).isGreaterThan(first.getIncarnation());
        assertThat(a.awaitEvent().getKind()).isEqualTo(EventKind.EVENT_KIND_FENCED);
        assertThat(a.write(first.getHandle(), 0, new byte[4096])).isEqualTo(Status.FENCED);
        assertThat(a.simple(Opcode.READ, first.getHandle(), 0, 4096, 0, 0).status())
                .isEqualTo(Status.FENCED);
        assertThat(a.simple(Opcode.FLUSH, first.getHandle(), 0, 0, 0, 0).status())
                .isEqualTo(Status.FENCED);
        assertThat(b.write(second.getHandle(), 0, new byte[4096])).isEqualTo(Status.OK);
    }

    @Test
    void shouldTellAHostWhetherItHasHeldTheVolumeWithoutABreak() throws IOException {
        long first = heldSinceMs("host-a", RW);
        assertThat(first).isPositive();
        assertThat(heldSinceMs("host-a", RW)).as("after a restart").isEqualTo(first);
        assertThat(heldSinceMs("host-b", OpenMode.OPEN_MODE_READ_ONLY)).isZero();
        assertThat(heldSinceMs("host-b", OpenMode.OPEN_MODE_STEAL)).isGreaterThan(first);
        assertThat(heldSinceMs("host-a", OpenMode.OPEN_MODE_STEAL)).isGreaterThan(first);
    }

    /** Opens as a process that is then killed. */
    private long heldSinceMs(String host, OpenMode mode) throws IOException {
        RawClient process = RawClient.ready(node.address());
        try {
            return process.openOk("v", host, mode, 0, 0).getHeldSinceMs();
        } finally {
            process.close();
        }
    }

    @Test
    void shouldKeepTheOtherLoopsWhenOneJoinsUnderTheSameEpoch() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        OpenAnswer second = b.openOk("v", "host-a", RW, first.getEpoch(), 1);
        assertThat(second.getEpoch()).isEqualTo(first.getEpoch());
        assertThat(a.write(first.getHandle(), 0, new byte[4096])).isEqualTo(Status.OK);
        assertThat(b.write(second.getHandle(), 0, new byte[4096])).isEqualTo(Status.OK);
    }

    @Test
    void shouldFenceTheHolderWhenAnotherHostSteals() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        OpenAnswer second = b.openOk("v", "host-b", OpenMode.OPEN_MODE_STEAL, 0, 0);
        assertThat(second.getEpoch()).isEqualTo(2);
        assertThat(a.write(first.getHandle(), 0, new byte[4096])).isEqualTo(Status.FENCED);
        RawClient.Frame again = a.open("v", "host-a", RW, first.getEpoch(), 0);
        assertThat(again.status()).isEqualTo(Status.FENCED);
        assertThat(again.detail().getMessage()).contains("held by host-b", "epoch 2");
        assertThat(a.open("v", "host-a", RW, 0, 0).status()).isEqualTo(Status.IN_USE);
    }

    @Test
    void shouldAnswerOpenOnlyWhenOlderRequestsHaveEndedWhenTheyWaitForTheDisk() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        node.volume().hold();
        byte[] old = new byte[4096];
        Arrays.fill(old, (byte) 1);
        a.send(RawClient.writeFrame(a.nextId(), first.getHandle(), 0, old, 0));
        await(() -> node.volume().heldCount() == 1);

        long open = b.send(openFrame(b, "v", "host-b", OpenMode.OPEN_MODE_STEAL));
        assertThat(a.awaitEvent().getKind()).isEqualTo(EventKind.EVENT_KIND_FENCED);
        // The older epoch is over, its write is not: the PING sent after the OPEN is answered before it.
        long ping = b.send(b.request(Opcode.PING, 0, 0, 0, 0));
        assertThat(b.receive().requestId()).isEqualTo(ping);
        assertThat(node.volume().heldCount()).isEqualTo(1);

        node.volume().letGo();
        OpenAnswer second = b.await(open).parse(OpenAnswer.parser());
        assertThat(b.read(second.getHandle(), 0, 4096)).isEqualTo(old);
        assertThat(a.write(first.getHandle(), 0, new byte[4096])).isEqualTo(Status.FENCED);
        assertThat(b.read(second.getHandle(), 0, 4096)).isEqualTo(old);
    }

    @Test
    void shouldWaitForTheDeadConnectionsRequestsWhenItsLoopComesBack() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 3);
        node.volume().hold();
        byte[] old = new byte[4096];
        Arrays.fill(old, (byte) 1);
        a.send(RawClient.writeFrame(a.nextId(), first.getHandle(), 0, old, 0));
        await(() -> node.volume().heldCount() == 1);
        a.close();
        Open again = again("host-a", first.getEpoch(), 3, 1)
                .setPreviousIncarnation(first.getIncarnation())
                .build();
        long open = b.send(frame(b, Opcode.OPEN, again));
        long ping = b.send(b.request(Opcode.PING, 0, 0, 0, 0));
        assertThat(b.receive().requestId()).isEqualTo(ping);
        node.volume().letGo();
        OpenAnswer second = b.await(open).parse(OpenAnswer.parser());
        assertThat(second.getEpoch()).isEqualTo(first.getEpoch());
        assertThat(second.getIncarnation()).isGreaterThan(first.getIncarnation());
        assertThat(b.write(second.getHandle(), 0, new byte[4096])).isEqualTo(Status.OK);
        assertThat(b.read(second.getHandle(), 0, 4096)).isEqualTo(new byte[4096]);
        assertThat(node.volume().openQueues()).isEqualTo(1);
    }

    @Test
    void shouldHandOutGreaterIncarnationsAndEpochsWhenTheNodeWasRestarted() throws IOException {
        OpenAnswer before = a.openOk("v", "host-a", RW, 0, 0);
        node.stop();
        node.start();
        try (RawClient again = RawClient.ready(node.address())) {
            OpenAnswer joined = again.openOk("v", "host-a", RW, before.getEpoch(), 0);
            assertThat(joined.getEpoch()).isEqualTo(before.getEpoch());
            assertThat(joined.getIncarnation()).isGreaterThan(before.getIncarnation());
            assertThat(again.open("v", "host-b", RW, 0, 0).status()).isEqualTo(Status.IN_USE);
            assertThat(again.openOk("v", "host-a", RW, 0, 0).getEpoch()).isEqualTo(before.getEpoch() + 1);
        }
    }

    @Test
    void shouldLetAnotherHostInWhenTheAttachmentWasEndedCleanly() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        assertThat(a.simple(Opcode.CLOSE, first.getHandle(), 0, 0, 0, 1).status())
                .isEqualTo(Status.OK);
        assertThat(show().hasHolder()).isFalse();
        assertThat(b.openOk("v", "host-b", RW, 0, 0).getEpoch()).isEqualTo(2);
    }

    @Test
    void shouldEndTheAttachmentAtOnceAndBeginNothingMoreOfItWhenItsRequestsWaitForTheDisk() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        OpenAnswer second = b.openOk("v", "host-a", RW, first.getEpoch(), 1);
        node.volume().hold();
        byte[] begun = new byte[4096];
        Arrays.fill(begun, (byte) 1);
        b.send(RawClient.writeFrame(b.nextId(), second.getHandle(), 0, begun, 0));
        await(() -> node.volume().heldCount() == 1);

        assertThat(a.simple(Opcode.CLOSE, first.getHandle(), 0, 0, 0, 1).status())
                .isEqualTo(Status.OK);
        assertThat(show().hasHolder()).isFalse();
        assertThat(b.awaitEvent().getKind()).isEqualTo(EventKind.EVENT_KIND_FENCED);
        assertThat(b.write(second.getHandle(), 4096, begun)).isEqualTo(Status.FENCED);

        long open = a.send(openFrame(a, "v", "host-b", RW));
        long ping = a.send(a.request(Opcode.PING, 0, 0, 0, 0));
        assertThat(a.receive().requestId()).isEqualTo(ping);
        node.volume().letGo();
        OpenAnswer next = a.await(open).parse(OpenAnswer.parser());
        assertThat(next.getEpoch()).isEqualTo(first.getEpoch() + 1);
        assertThat(a.read(next.getHandle(), 0, 4096)).isEqualTo(begun);
        assertThat(a.read(next.getHandle(), 4096, 4096)).isEqualTo(new byte[4096]);
    }

    @Test
    void shouldKeepTheAttachmentWhenOnlyAHandleOrTheConnectionEnds() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        assertThat(a.simple(Opcode.CLOSE, first.getHandle(), 0, 0, 0, 0).status())
                .isEqualTo(Status.OK);
        assertThat(b.open("v", "host-b", RW, 0, 0).status()).isEqualTo(Status.IN_USE);
        assertThat(a.openOk("v", "host-a", RW, first.getEpoch(), 0).getHandle()).isEqualTo(first.getHandle());
    }

    @Test
    void shouldEndTheAttachmentOfAHostThatIsGoneWhenAnOperatorReleasesIt() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        b.adminOk(AdminRequest.newBuilder()
                .setReleaseVolume(ReleaseVolume.newBuilder().setName("v"))
                .build());
        assertThat(a.write(first.getHandle(), 0, new byte[4096])).isEqualTo(Status.FENCED);
        assertThat(show().hasHolder()).isFalse();
        assertThat(b.openOk("v", "host-b", RW, 0, 0).getEpoch()).isEqualTo(3);
    }

    @Test
    void shouldLetReadersInBesideTheWriterWhenTheyOnlyRead() throws IOException {
        OpenAnswer writer = a.openOk("v", "host-a", RW, 0, 0);
        OpenAnswer reader = b.openOk("v", "host-b", OpenMode.OPEN_MODE_READ_ONLY, 0, 0);
        assertThat(reader.getEpoch()).isZero();
        assertThat(reader.getGeometry().getReadOnly()).isTrue();
        assertThat(a.write(writer.getHandle(), 0, new byte[4096])).isEqualTo(Status.OK);
        assertThat(b.read(reader.getHandle(), 0, 4096)).isEqualTo(new byte[4096]);
        assertThat(b.write(reader.getHandle(), 0, new byte[4096])).isEqualTo(Status.READ_ONLY);
        assertThat(b.simple(Opcode.DISCARD, reader.getHandle(), 0, 4096, 0, 0).status())
                .isEqualTo(Status.READ_ONLY);
    }

    @Test
    void shouldLeaveTheWritersAttachmentAloneWhenAReaderEndsItsOwn() throws IOException {
        OpenAnswer writer = a.openOk("v", "host-a", RW, 0, 0);
        for (String host : new String[] {"host-a", "host-b"}) {
            OpenAnswer reader = b.openOk("v", host, OpenMode.OPEN_MODE_READ_ONLY, 0, 0);
            assertThat(b.simple(Opcode.CLOSE, reader.getHandle(), 0, 0, 0, 1).status())
                    .isEqualTo(Status.OK);
            assertThat(show().getHolder().getHostId()).as("the holder").isEqualTo("host-a");
        }
        assertThat(a.write(writer.getHandle(), 0, new byte[4096])).isEqualTo(Status.OK);
        assertThat(b.open("v", "host-b", RW, 0, 0).status()).isEqualTo(Status.IN_USE);
    }

    @Test
    void shouldRefuseToDeleteWhenSomebodyHoldsOrReadsTheVolume() throws IOException {
        AdminRequest delete = AdminRequest.newBuilder()
                .setDeleteVolume(DeleteVolume.newBuilder().setName("v"))
                .build();
        OpenAnswer reader = b.openOk("v", "", OpenMode.OPEN_MODE_READ_ONLY, 0, 0);
        assertThat(a.admin(delete).detail().getMessage()).isEqualTo("volume v is open on 1 connection");
        assertThat(b.simple(Opcode.CLOSE, reader.getHandle(), 0, 0, 0, 0).status())
                .isEqualTo(Status.OK);
        OpenAnswer writer = a.openOk("v", "host-a", RW, 0, 0);
        RawClient.Frame refused = b.admin(delete);
        assertThat(refused.status()).isEqualTo(Status.IN_USE);
        assertThat(refused.detail().getMessage()).startsWith("volume v is held by host-a since ");
        assertThat(a.simple(Opcode.CLOSE, writer.getHandle(), 0, 0, 0, 1).status())
                .isEqualTo(Status.OK);
        assertThat(b.admin(delete).status()).isEqualTo(Status.OK);
        assertThat(node.files().count()).isZero();
        assertThat(b.open("v", "host-b", RW, 0, 0).status()).isEqualTo(Status.NOT_FOUND);
    }

    private static Open.Builder again(String host, long epoch, int loop, long attempt) {
        return Open.newBuilder()
                .setVolume("v")
                .setHostId(host)
                .setMode(RW)
                .setEpoch(epoch)
                .setLoop(loop)
                .setAttempt(attempt);
    }

    @Test
    void shouldCloseAnAbandonedConnectionWithoutSayingThatTheVolumeIsLost() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 3);
        RawClient.Frame second =
                b.call(Opcode.OPEN, 0, again("host-a", first.getEpoch(), 3, 1).build());
        assertThat(second.status()).isEqualTo(Status.OK);
        assertThat(a.isClosedByNode()).isTrue();
        int handle = second.parse(OpenAnswer.parser()).getHandle();
        assertThat(b.write(handle, 0, new byte[4096])).isEqualTo(Status.OK);
        assertThat(node.volume().openQueues()).isEqualTo(1);
    }

    @Test
    void shouldLeaveTheVolumeToTheLaterConnectionWhenTheOpenOfAnAbandonedOneComesLate() throws IOException {
        long epoch = a.openOk("v", "host-a", RW, 0, 0).getEpoch();
        try (RawClient abandoned = RawClient.ready(node.address())) {
            RawClient.Frame opened =
                    b.call(Opcode.OPEN, 0, again("host-a", epoch, 3, 7).build());
            int handle = opened.parse(OpenAnswer.parser()).getHandle();
            assertThat(abandoned
                            .call(Opcode.OPEN, 0, again("host-a", epoch, 3, 6).build())
                            .status())
                    .isEqualTo(Status.BUSY);
            long write = b.send(RawClient.writeFrame(b.nextId(), handle, 0, new byte[4096], 0));
            assertThat(b.receive().requestId()).as("what it hears next").isEqualTo(write);
            assertThat(abandoned
                            .call(Opcode.OPEN, 0, again("host-a", epoch, 4, 6).build())
                            .status())
                    .as("another loop's")
                    .isEqualTo(Status.OK);
        }
    }

    @Test
    void shouldCallOffAWaitingFlushWhenItsConnectionDies() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 3);
        node.volume().hold();
        a.send(a.request(Opcode.FLUSH, first.getHandle(), 0, 0, 0));
        await(() -> node.volume().heldCount() == 1);
        a.close();
        Open again = again("host-a", first.getEpoch(), 3, 1).build();
        assertThat(b.await(b.send(frame(b, Opcode.OPEN, again))).status()).isEqualTo(Status.OK);
        assertThat(node.volume().heldCount()).isZero();
    }

    @Test
    void shouldCallOffAWaitingFlushWhenItsVolumeIsStolen() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        node.volume().hold();
        long flush = a.send(a.request(Opcode.FLUSH, first.getHandle(), 0, 0, 0));
        await(() -> node.volume().heldCount() == 1);
        b.openOk("v", "host-b", OpenMode.OPEN_MODE_STEAL, 0, 0);
        assertThat(a.await(flush).status()).isEqualTo(Status.FENCED);
    }

    @Test
    void shouldEndAFlushThatWaitsForTheSettlingWhenTheNodeStops() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        node.volume().hold();
        long flush = a.send(a.request(Opcode.FLUSH, first.getHandle(), 0, 0, 0));
        await(() -> node.volume().heldCount() == 1);
        node.stop();
        assertThat(a.await(flush).status()).isEqualTo(Status.UNAVAILABLE);
    }

    @Test
    void shouldAnswerAtOnceWhoWaitsForOlderRequestsWhenALaterOneAsksToo() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 3);
        node.volume().hold();
        a.send(RawClient.writeFrame(a.nextId(), first.getHandle(), 0, new byte[4096], 0));
        await(() -> node.volume().heldCount() == 1);
        try (RawClient c = RawClient.ready(node.address());
                RawClient d = RawClient.ready(node.address())) {
            long second = b.send(frame(
                    b, Opcode.OPEN, again("host-a", first.getEpoch(), 3, 1).build()));
            assertThat(a.isClosedByNode()).isTrue();
            long third = c.send(frame(
                    c, Opcode.OPEN, again("host-a", first.getEpoch(), 3, 2).build()));
            RawClient.Frame refused = b.await(second);
            assertThat(refused.status()).isEqualTo(Status.BUSY);
            assertThat(refused.detail().getMessage()).isEqualTo("it was opened anew meanwhile");
            long steal = d.send(openFrame(d, "v", "host-b", OpenMode.OPEN_MODE_STEAL));
            assertThat(c.await(third).status()).isEqualTo(Status.FENCED);
            node.volume().letGo();
            RawClient.Frame opened = d.await(steal);
            assertThat(opened.status()).isEqualTo(Status.OK);
            int handle = opened.parse(OpenAnswer.parser()).getHandle();
            assertThat(d.write(handle, 0, new byte[4096])).isEqualTo(Status.OK);
            assertThat(node.volume().openQueues()).isEqualTo(1);
        }
    }

    @Test
    void shouldBeginNothingForAClientThatHasHungUp() throws Exception {
        CountDownLatch held = new CountDownLatch(node.loops().size());
        CountDownLatch letGo = new CountDownLatch(1);
        for (EpollLoop loop : node.loops()) {
            loop.execute(() -> {
                held.countDown();
                try {
                    letGo.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
        }
        held.await();
        try {
            a.send(openFrame(a, "v", "host-a", OpenMode.OPEN_MODE_STEAL));
            a.close();
        } finally {
            letGo.countDown();
        }
        AdminRequest status = AdminRequest.newBuilder()
                .setGetNodeStatus(GetNodeStatus.getDefaultInstance())
                .build();
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (b.adminOk(status).getGetNodeStatus().getConnectionCount() > 1) {
            assertThat(System.nanoTime()).as("the connection has not ended").isLessThan(deadline);
        }
        VolumeInfo untouched = b.adminOk(AdminRequest.newBuilder()
                        .setShowVolume(ShowVolume.newBuilder().setName("v"))
                        .build())
                .getShowVolume();
        assertThat(untouched.getEpoch()).isZero();
        assertThat(untouched.hasHolder()).isFalse();
    }

    /** Has the registry stop at every volume that is created until there is a permit. */
    private AtomicInteger holdRegistry(Semaphore permits) {
        AtomicInteger stops = new AtomicInteger();
        node.files().beforeCreate(() -> {
            stops.incrementAndGet();
            permits.acquireUninterruptibly();
        });
        return stops;
    }

    private boolean hasConnections(int count) {
        try {
            return HttpTest.metric(node, "ashlar_node_connections") == count;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void shouldBeginNothingForAnOpenWhoseClientHasGoneWhenItsTurnComes() throws IOException {
        Semaphore permits = new Semaphore(0);
        AtomicInteger stops = holdRegistry(permits);
        try {
            b.send(createFrame(b, "w"));
            await(() -> stops.get() == 1);
            a.send(openFrame(a, "v", "host-a", RW));
            assertThat(a.simple(Opcode.PING, 0, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
            a.close();
            await(() -> hasConnections(1));
        } finally {
            permits.release();
        }
        try (RawClient c = RawClient.ready(node.address())) {
            assertThat(c.openOk("v", "host-b", RW, 0, 0).getEpoch()).isEqualTo(1);
        }
    }

    @Test
    void shouldAnswerCloseOnceAndKeepTheHandlesNextVolumeWhenTheEndOfAFencedUseIsStillOnItsWay() throws Exception {
        assertThat(a.create("u", 1 << 20, 4096).status()).isEqualTo(Status.OK);
        int handle = a.openOk("v", "host-a", RW, 0, 0).getHandle();
        Semaphore permits = new Semaphore(0);
        AtomicInteger stops = holdRegistry(permits);
        try (RawClient c = RawClient.ready(node.address())) {
            c.send(createFrame(c, "w1"));
            await(() -> stops.get() == 1);
            // Behind it the registry has the steal, and a second stop, before it can hear that the use has ended.
            b.send(openFrame(b, "v", "host-b", OpenMode.OPEN_MODE_STEAL));
            b.send(createFrame(b, "w2"));
            assertThat(b.simple(Opcode.PING, 0, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
            permits.release();
            assertThat(a.awaitEvent().getKind()).isEqualTo(EventKind.EVENT_KIND_FENCED);

            long close = a.send(a.request(Opcode.CLOSE, handle, 0, 0, 0));
            assertThat(a.receive().requestId()).isEqualTo(close);
            long open = a.send(openFrame(a, "u", "host-a", RW));
            permits.release();
            RawClient.Frame opened = a.receive();
            assertThat(opened.requestId()).as("the next answer").isEqualTo(open);
            assertThat(opened.parse(OpenAnswer.parser()).getHandle()).isEqualTo(handle);
            assertThat(a.write(handle, 0, new byte[4096])).isEqualTo(Status.OK);
        } finally {
            permits.release(2);
        }
    }

    private static ByteBuf frame(RawClient client, Opcode opcode, MessageLite message) {
        return MessageFrames.request(UnpooledByteBufAllocator.DEFAULT, opcode, client.nextId(), 0, message);
    }

    private static ByteBuf createFrame(RawClient client, String name) {
        AdminRequest create = AdminRequest.newBuilder()
                .setCreateVolume(CreateVolume.newBuilder().setName(name).setSizeBytes(1 << 20))
                .build();
        return frame(client, Opcode.ADMIN, create);
    }

    private static ByteBuf openFrame(RawClient client, String volume, String host, OpenMode mode) {
        Open open = Open.newBuilder()
                .setVolume(volume)
                .setHostId(host)
                .setMode(mode)
                .build();
        return frame(client, Opcode.OPEN, open);
    }

    @Test
    void shouldExecuteNothingMoreWhenTheConnectionOfWaitingRequestsHasDied() throws IOException {
        OpenAnswer first = a.openOk("v", "host-a", RW, 0, 0);
        node.volume().hold();
        a.send(RawClient.writeFrame(a.nextId(), first.getHandle(), 0, new byte[4096], 0));
        a.send(a.request(Opcode.READ, first.getHandle(), 4096, 4096, 0));
        await(() -> node.volume().heldCount() == 2);
        a.close();
        node.volume().letGo();
        OpenAnswer second = b.openOk("v", "host-b", OpenMode.OPEN_MODE_STEAL, 0, 0);
        assertThat(node.volume().submittedCount()).isEqualTo(2);
        assertThat(b.read(second.getHandle(), 0, 4096)).isEqualTo(new byte[4096]);
    }
}
