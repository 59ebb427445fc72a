package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.seed.TestSeed;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.EventKind;
import io.ashlar.protocol.message.GetNodeStatus;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.ListVolumes;
import io.ashlar.protocol.message.NodeStatus;
import io.ashlar.protocol.message.OpenAnswer;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.protocol.message.ResizeVolume;
import io.ashlar.protocol.message.VolumeInfo;
import io.ashlar.protocol.message.VolumeList;
import io.ashlar.store.file.StoreException;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BlockServiceTest {
    private static final long SIZE = 8 << 20;

    @TempDir
    Path folder;

    private NodeFixture node;
    private RawClient client;

    @BeforeEach
    void start() throws IOException {
        node = new NodeFixture(folder);
        client = RawClient.ready(node.address());
        assertThat(client.create("v", SIZE, 512).status()).isEqualTo(Status.OK);
    }

    @AfterEach
    void stop() throws IOException {
        client.close();
        node.close();
    }

    private int open() throws IOException {
        return client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0).getHandle();
    }

    @Test
    void shouldIntroduceItselfWhenAClientSaysHello() throws IOException {
        try (RawClient other = new RawClient(node.address())) {
            HelloAnswer hello = other.hello();
            assertThat(hello.getVersion()).isEqualTo(1);
            assertThat(hello.getInFlightMax()).isEqualTo(256);
            assertThat(hello.getNodeId().size()).isEqualTo(16);
            assertThat(hello.getBootId().size()).isEqualTo(16);
            assertThat(hello.getSoftware()).startsWith("ashlar/");
        }
    }

    @Test
    void shouldReadBackWhatWasWrittenWhenRangesAreAlignedOrNot() throws IOException {
        OpenAnswer opened = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0);
        assertThat(opened.getGeometry().getSizeBytes()).isEqualTo(SIZE);
        assertThat(opened.getEpoch()).isEqualTo(1);
        int handle = opened.getHandle();
        int[][] ranges = {{0, 4096}, {512, 512}, {4096 - 512, 1024}, {1 << 20, 1 << 20}, {(1 << 20) - 512, 512}};
        for (int[] range : ranges) {
            byte[] data = new byte[range[1]];
            new Random(range[0]).nextBytes(data);
            assertThat(client.write(handle, range[0], data)).isEqualTo(Status.OK);
            assertThat(client.read(handle, range[0], range[1])).isEqualTo(data);
        }
        assertThat(client.simple(Opcode.FLUSH, handle, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
    }

    @Test
    void shouldStoreNothingWhenAPieceDoesNotMatchItsChecksum() throws IOException {
        int handle = open();
        ByteBuf frame = RawClient.writeFrame(client.nextId(), handle, 0, new byte[8192], 0);
        frame.setByte(frame.writerIndex() - 1, 1);
        assertThat(client.await(client.send(frame)).status()).isEqualTo(Status.CHECKSUM);
        assertThat(client.read(handle, 0, 8192)).isEqualTo(new byte[8192]);
    }

    @Test
    void shouldZeroExactlyTheRangeWhenAskedToWriteZeroesAndWholeBlocksWhenDiscarding() throws IOException {
        int handle = open();
        byte[] ones = new byte[16384];
        Arrays.fill(ones, (byte) 1);
        assertThat(client.write(handle, 0, ones)).isEqualTo(Status.OK);
        assertThat(client.simple(Opcode.WRITE_ZEROES, handle, 512, 512, FrameFlags.FUA | FrameFlags.UNMAP, 0)
                        .status())
                .isEqualTo(Status.OK);
        assertThat(client.simple(Opcode.DISCARD, handle, 4096 - 512, 8192, FrameFlags.FUA, 0)
                        .status())
                .isEqualTo(Status.OK);
        Arrays.fill(ones, 512, 1024, (byte) 0);
        Arrays.fill(ones, 4096, 8192, (byte) 0);
        assertThat(client.read(handle, 0, 16384)).isEqualTo(ones);
    }

    @Test
    void shouldRefuseAndGoOnWhenARequestDoesNotFitTheVolume() throws IOException {
        int handle = open();
        assertThat(client.simple(Opcode.READ, handle, SIZE, 512, 0, 0).status()).isEqualTo(Status.OUT_OF_RANGE);
        assertThat(client.simple(Opcode.READ, handle, 1L << 40, 512, 0, 0).status())
                .isEqualTo(Status.OUT_OF_RANGE);
        assertThat(client.simple(Opcode.READ, handle, 1, 512, 0, 0).status()).isEqualTo(Status.MISALIGNED);
        assertThat(client.simple(Opcode.DISCARD, handle, 0, 100, 0, 0).status()).isEqualTo(Status.MISALIGNED);
        assertThat(client.simple(Opcode.BLOCK_STATUS, handle, SIZE, 512, 0, 0).status())
                .isEqualTo(Status.OUT_OF_RANGE);
        assertThat(client.write(handle, SIZE - 512, new byte[512])).isEqualTo(Status.OK);
        assertThat(client.simple(Opcode.CLOSE, handle, 0, 0, 0, 5).status()).isEqualTo(Status.INVALID);
        assertThat(client.read(handle, SIZE - 512, 512)).isEqualTo(new byte[512]);
    }

    @Test
    void shouldReturnTheLastBlockWholeWhenTheVolumeEndsInside() throws IOException {
        assertThat(client.create("odd", 8192 + 1024, 512).status()).isEqualTo(Status.OK);
        int handle = client.openOk("odd", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                .getHandle();
        byte[] data = new byte[1024];
        Arrays.fill(data, (byte) 9);
        assertThat(client.write(handle, 8192, data)).isEqualTo(Status.OK);
        RawClient.Frame answer = client.simple(Opcode.READ, handle, 8192 + 512, 512, 0, 0);
        assertThat(answer.offset()).isEqualTo(8192);
        assertThat(answer.length()).isEqualTo(4096);
        assertThat(answer.data()).isEqualTo(Arrays.copyOf(data, 4096));
    }

    @Test
    void shouldAnswerInAnyOrderWhenSomeRequestsWait() throws IOException {
        int handle = open();
        byte[] data = new byte[4096];
        Arrays.fill(data, (byte) 3);
        assertThat(client.write(handle, 4096, data)).isEqualTo(Status.OK);
        node.volume().hold();
        long read = client.send(client.request(Opcode.READ, handle, 4096, 4096, 0));
        byte[] second = new byte[64 << 10];
        Arrays.fill(second, (byte) 4);
        long write = client.send(RawClient.writeFrame(client.nextId(), handle, 1 << 20, second, 0));
        for (int i = 0; i < 20; i++) {
            // These reuse the buffers, in which the waiting requests must stay untouched.
            long ping = client.send(client.request(Opcode.PING, 0, 0, 0, 0));
            assertThat(client.receive().requestId()).isEqualTo(ping);
        }
        node.volume().letGo();
        RawClient.Frame first = client.receive();
        RawClient.Frame other = client.receive();
        RawClient.Frame readAnswer = first.requestId() == read ? first : other;
        assertThat(readAnswer.data()).isEqualTo(data);
        assertThat((first.requestId() == read ? other : first).requestId()).isEqualTo(write);
        assertThat(client.read(handle, 1 << 20, 64 << 10)).isEqualTo(second);
    }

    @Test
    void shouldKeepManyWaitingWritesApartWhenTheReceiveBufferIsReplaced() throws IOException {
        int handle = open();
        node.volume().hold();
        long seed = TestSeed.get();
        Random random = new Random(seed);
        byte[][] written = new byte[40][];
        for (int i = 0; i < written.length; i++) {
            written[i] = new byte[512 * (1 + random.nextInt(200))];
            random.nextBytes(written[i]);
            client.send(RawClient.writeFrame(client.nextId(), handle, i * (128L << 10), written[i], 0));
        }
        node.volume().letGo();
        for (int i = 0; i < written.length; i++) {
            assertThat(client.receiveAnswer().status()).isEqualTo(Status.OK);
        }
        for (int i = 0; i < written.length; i++) {
            assertThat(client.read(handle, i * (128L << 10), written[i].length))
                    .as("seed %d, write %d", seed, i)
                    .isEqualTo(written[i]);
        }
    }

    @Test
    void shouldForgetTheHandleWhenItIsClosed() throws IOException {
        int handle = open();
        assertThat(client.simple(Opcode.CLOSE, handle, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
        assertThat(node.volume().openQueues()).isZero();
        assertThat(client.simple(Opcode.READ, handle, 0, 512, 0, 0).status()).isEqualTo(Status.BAD_HANDLE);
        assertThat(client.isClosedByNode()).isTrue();
    }

    @Test
    void shouldRefuseALayerWhenVolumesHaveNone() throws IOException {
        ByteBuf frame = client.request(Opcode.READ, open(), 0, 512, 0);
        new FrameHeader().wrap(frame, 0).requestId(client.nextId());
        new FrameHeader().wrap(frame, 0).layer(3).seal(new Crc32c());
        assertThat(client.await(client.send(frame)).status()).isEqualTo(Status.UNSUPPORTED);
    }

    @Test
    void shouldTellEveryConnectionWhenAVolumeHasGrown() throws IOException {
        int handle = open();
        try (RawClient admin = RawClient.ready(node.address())) {
            VolumeInfo grown = admin.adminOk(resize(2 * SIZE)).getResizeVolume();
            assertThat(grown.getGeometry().getSizeBytes()).isEqualTo(2 * SIZE);
            Event event = client.awaitEvent();
            assertThat(event.getKind()).isEqualTo(EventKind.EVENT_KIND_GEOMETRY_CHANGED);
            assertThat(event.getGeometry().getSizeBytes()).isEqualTo(2 * SIZE);
            assertThat(client.write(handle, 2 * SIZE - 512, new byte[512])).isEqualTo(Status.OK);
            RawClient.Frame refused = admin.admin(resize(SIZE));
            assertThat(refused.status()).isEqualTo(Status.INVALID);
            assertThat(refused.detail().getMessage())
                    .isEqualTo("volume v has " + 2 * SIZE + " bytes and can't be made smaller");
        }
    }

    private static AdminRequest resize(long sizeBytes) {
        return AdminRequest.newBuilder()
                .setResizeVolume(ResizeVolume.newBuilder().setName("v").setSizeBytes(sizeBytes))
                .build();
    }

    @Test
    void shouldSayInOneLineWhyNotWhenAVolumeCanNotBeCreated() throws IOException {
        assertThat(client.create("v", SIZE, 512).detail().getMessage()).isEqualTo("volume v exists already");
        assertThat(client.create("Big Name", SIZE, 512).detail().getMessage()).startsWith("a volume name has 1 to 63");
        assertThat(client.create("x".repeat(64), SIZE, 512).status()).isEqualTo(Status.INVALID);
        assertThat(client.create("w", 0, 512).status()).isEqualTo(Status.INVALID);
        assertThat(client.create("w", -1, 512).status()).isEqualTo(Status.INVALID);
        assertThat(client.create("w", 1L << 60, 512).status()).isEqualTo(Status.INVALID);
        assertThat(client.create("w", 4096, 1000).detail().getMessage()).contains("neither 512 nor 4096");
        assertThat(client.create("w", 1000, 512).status()).isEqualTo(Status.INVALID);
        node.files().failWith(new StoreException("writing w: ENOSPC, no space left on device", 28));
        RawClient.Frame full = client.create("w", 4096, 512);
        assertThat(full.status()).isEqualTo(Status.NO_SPACE);
        assertThat(full.detail().getMessage()).isEqualTo("writing w: ENOSPC, no space left on device");
        node.files().failWith(null);
        assertThat(client.create("w", 4096, 0).status()).isEqualTo(Status.OK);
    }

    @Test
    void shouldListVolumesInPagesWhenThereAreMany() throws IOException {
        for (int i = 0; i < 104; i++) {
            assertThat(client.create("p-" + (1000 + i), 4096, 4096).status()).isEqualTo(Status.OK);
        }
        VolumeList first = client.adminOk(list("")).getListVolumes();
        assertThat(first.getVolumesCount()).isEqualTo(100);
        assertThat(first.getMore()).isTrue();
        assertThat(first.getVolumes(0).getName()).isEqualTo("p-1000");
        VolumeList rest = client.adminOk(list(first.getVolumes(99).getName())).getListVolumes();
        assertThat(rest.getVolumesCount()).isEqualTo(5);
        assertThat(rest.getMore()).isFalse();
        assertThat(rest.getVolumes(4).getName()).isEqualTo("v");
    }

    private static AdminRequest list(String after) {
        return AdminRequest.newBuilder()
                .setListVolumes(ListVolumes.newBuilder().setAfter(after))
                .build();
    }

    @Test
    void shouldDescribeItselfWhenAskedForItsStatus() throws IOException {
        NodeStatus status = client.adminOk(AdminRequest.newBuilder()
                        .setGetNodeStatus(GetNodeStatus.getDefaultInstance())
                        .build())
                .getGetNodeStatus();
        assertThat(status.getVolumeCount()).isEqualTo(1);
        assertThat(status.getConnectionCount()).isEqualTo(1);
        assertThat(status.getFreeBytes()).isEqualTo(1 << 29);
    }

    @Test
    void shouldRefuseACommandItDoesNotKnowWhenAClientIsNewer() throws IOException {
        assertThat(client.admin(AdminRequest.getDefaultInstance()).status()).isEqualTo(Status.UNSUPPORTED);
        assertThat(client.open("nothing", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                        .status())
                .isEqualTo(Status.NOT_FOUND);
        assertThat(client.open("v", "host a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                        .status())
                .isEqualTo(Status.INVALID);
        assertThat(client.open("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 5000)
                        .status())
                .isEqualTo(Status.INVALID);
        assertThat(client.open("v", "host-a", OpenMode.OPEN_MODE_UNSPECIFIED, 0, 0)
                        .status())
                .isEqualTo(Status.INVALID);
    }

    @Test
    void shouldSayGoodbyeAndAnswerWhatIsUnderWayWhenItStops() throws Exception {
        int handle = open();
        node.volume().hold();
        long write = client.send(RawClient.writeFrame(client.nextId(), handle, 0, new byte[4096], 0));
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (node.volume().heldCount() == 0) {
            assertThat(System.nanoTime()).isLessThan(deadline);
        }
        Thread stopping = new Thread(node::stop);
        stopping.start();
        assertThat(client.awaitEvent().getKind()).isEqualTo(EventKind.EVENT_KIND_SHUTTING_DOWN);
        node.volume().letGo();
        assertThat(client.await(write).status()).isEqualTo(Status.OK);
        assertThat(client.isClosedByNode()).isTrue();
        stopping.join();
    }
}
