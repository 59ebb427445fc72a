package io.ashlar.vduse.vhost;

import static io.ashlar.vduse.vhost.FrontEndModel.number;
import static io.ashlar.vduse.vhost.FrontEndModel.payload;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.sys.BlockingEventFd;
import io.ashlar.base.sys.FileFacts;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.UnixSocket;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.AffinityWatch;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.CpuWatch;
import io.ashlar.vduse.device.HeldDevice;
import io.ashlar.vduse.device.QueuePlacement;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.Socket;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The device against a front end of our own: real sockets, real loops, real shared memory. */
class VhostUserDeviceTest {
    private static final int WAIT_SECONDS = 60;
    private static final int MIB = 1 << 20;
    private static final int DATA = 1 << 16;

    @TempDir
    Path folder;

    private EpollLoops controls;
    private EpollLoop control;
    private EpollLoops data;
    private BridgedDevice.Loops loops;
    private HeldDevice volume;
    private VhostUserDevice device;
    private Path path;
    private FrontEndModel front;
    private FrontEndModel.Region memory;
    private int nextRequest;

    @BeforeEach
    void start() throws Exception {
        var cpus = EpollLoops.allowedCpus();
        controls = EpollLoops.floating("control", 1);
        control = controls.all().get(0);
        data = EpollLoops.pinned("data", cpus);
        volume = new HeldDevice(MIB);
        path = folder.resolve("s");
        QueuePlacement placement = new QueuePlacement(cpus, false);
        loops = onControl(() -> new BridgedDevice.Loops(
                control, data, placement, AffinityWatch.start(control), CpuWatch.start(control, placement, data)));
        device = open(path);
    }

    static DeviceIdentity identity(long incarnation) {
        return new DeviceIdentity(new UUID(1, 2), "ashlar-test", 0, 2, 64, incarnation);
    }

    private VhostUserDevice open(Path at) throws Exception {
        return open(at, 1);
    }

    private VhostUserDevice open(Path at, long incarnation) throws Exception {
        VirtioBlkConfig config = new VirtioBlkConfig(volume.geometry(), "serial", 2, 64, 1 << 16, true, true);
        VhostUserDevice opened = new VhostUserDevice("test", config, volume, loops, identity(incarnation));
        onControl(() -> {
            opened.open(at);
            return null;
        });
        return opened;
    }

    private <T> T onControl(java.util.concurrent.Callable<T> task) throws Exception {
        return control.eventLoop().submit(task).get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    @AfterEach
    void end() throws Exception {
        volume.letGo();
        if (front != null) {
            front.close();
        }
        close(device);
        assertThat(path).doesNotExist();
        onControl(() -> {
            loops.watch().close();
            return null;
        });
        data.close();
        controls.close();
    }

    private void close(VhostUserDevice closing) throws Exception {
        CompletableFuture<Void> closed = new CompletableFuture<>();
        control.execute(() -> closing.close(() -> closed.complete(null)));
        closed.get(WAIT_SECONDS, TimeUnit.SECONDS);
    }

    /** Connects a front end with one region of memory and both rings served. */
    private void connect() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, 2, 0);
        front.setMemory();
        for (int ring = 0; ring < 2; ring++) {
            front.describe(ring, 0);
            front.enable(ring);
        }
    }

    /** Connects a front end that keeps the log of requests in flight. */
    private FrontEndModel.Log connectWithLog() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, 2, 0);
        FrontEndModel.Log log = front.newLog(2);
        front.start(log);
        return log;
    }

    private int offer(int ring, int type, int block, int fill) {
        return front.offer(memory, DATA + 3 * 4096 * (nextRequest++ % 64), ring, type, block, fill);
    }

    private void write(int ring, int block, int fill) throws Exception {
        int at = offer(ring, FrontEndModel.OUT, block, fill);
        front.awaitUsed(ring);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(volume.bytes().getByte(block * 4096 + 4095)).isEqualTo((byte) fill);
    }

    private void read(int ring, int block, int expected) throws Exception {
        int at = offer(ring, FrontEndModel.IN, block, 0);
        front.awaitUsed(ring);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(memory.memory().get(at + 4096)).isEqualTo((byte) expected);
    }

    @Test
    void shouldServeBothRingsWhenAFrontEndHasSetThemUp() throws Exception {
        connect();
        for (int i = 0; i < 200; i++) {
            write(i % 2, i, i);
            read((i + 1) % 2, i, i);
        }
        assertThat(onControl(device::queueCpus)).doesNotContain(-1);
    }

    @Test
    void shouldShowTheDeviceWhenAsked() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        assertThat(front.features & 1L << 33).as("no translated addresses").isZero();
        assertThat(front.features & FrontEndModel.F_PROTOCOL).isNotZero();
        assertThat(front.ask(FrontEndModel.GET_QUEUE_NUM).readLongLE()).isEqualTo(2);
        ByteBuf config = front.ask(FrontEndModel.GET_CONFIG, payload(0, 256, 0).writeZero(256));
        assertThat(config.readableBytes()).isEqualTo(12 + 256);
        assertThat(config.getLongLE(12)).isEqualTo(MIB / 512);
        assertThat(config.getShortLE(12 + 34)).as("num_queues").isEqualTo((short) 2);
        assertThat(config.getLongLE(12 + 248)).isZero();
        assertThat(front.tell(FrontEndModel.SET_CONFIG, payload(0, 4, 0).writeZero(4)))
                .isFalse();
    }

    @Test
    void shouldTellTheFrontEndWhenTheVolumeGrows() throws Exception {
        Path other = folder.resolve("b");
        try (UnixSocket server = UnixSocket.listen(other);
                UnixSocket there = UnixSocket.connect(other);
                UnixSocket back = server.accept()) {
            connect();
            assertThat(front.tell(FrontEndModel.SET_BACKEND_REQ_FD, Unpooled.buffer(), there.fd()))
                    .isTrue();
            volume.grow(2 * MIB);
            ByteBuf message =
                    Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(64)).clear();
            long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
            while (back.receive(message, 64, fd -> {}) < 0) {
                FrontEndModel.pause(deadlineNs);
            }
            assertThat(message.readIntLE())
                    .as("VHOST_USER_BACKEND_CONFIG_CHANGE_MSG")
                    .isEqualTo(2);
            ByteBuf config =
                    front.ask(FrontEndModel.GET_CONFIG, payload(0, 8, 0).writeZero(8));
            assertThat(config.getLongLE(12)).isEqualTo(2 * MIB / 512);
        }
    }

    @Test
    void shouldRefuseWhatIsNoSocketForItsNewsAndLeaveItsFlagsAlone() throws Exception {
        connect();
        int file = Linux.memoryFile("no socket");
        List<String> before = flags(file);
        assertThat(front.tell(FrontEndModel.SET_BACKEND_REQ_FD, Unpooled.buffer(), file))
                .isFalse();
        assertThat(flags(file)).isEqualTo(before);
        Linux.close(file);
    }

    /** A socket whose closing takes an hour, or until its other end is closed: it lingers on what nobody reads. */
    private static final class Lingering implements AutoCloseable {
        private final Socket server = Socket.newSocketStream();
        private final Socket socket = Socket.newSocketStream();
        private final FileDescriptor other;

        Lingering() throws IOException {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            server.listen(1);
            socket.connect(server.localAddress());
            long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
            int accepted = -1;
            while (accepted < 0 && System.nanoTime() < deadlineNs) {
                accepted = server.accept(new byte[32]);
            }
            assertThat(accepted).isNotNegative();
            other = new FileDescriptor(accepted);
            socket.setSoLinger(3600);
            ByteBuffer bytes = ByteBuffer.allocateDirect(1 << 16);
            while (socket.write(bytes, 0, bytes.capacity()) > 0) {
                bytes.clear();
            }
        }

        int fd() {
            return socket.intValue();
        }

        /** Leaves it to those who have a descriptor of it too. */
        void leave() throws IOException {
            socket.close();
        }

        /** Lets whoever closes it go on. */
        void endLingering() throws IOException {
            other.close();
        }

        @Override
        public void close() throws IOException {
            endLingering();
            server.close();
        }
    }

    @Test
    void shouldGoOnWhileADescriptorThatItRefusesCanNotBeClosed() throws Exception {
        connect();
        try (Lingering lingering = new Lingering()) {
            front.send(FrontEndModel.SET_BACKEND_REQ_FD, 8, Unpooled.buffer(), lingering.fd());
            lingering.leave();
            assertThat(front.receive(FrontEndModel.SET_BACKEND_REQ_FD).readLongLE())
                    .as("refused")
                    .isEqualTo(1);
            write(0, 1, 1); // rings need nobody for that
            front.send(FrontEndModel.GET_QUEUE_NUM, 0, Unpooled.buffer());
            assertThat(onControl(device::isConnected)).isTrue();
        }
        assertThat(front.receive(FrontEndModel.GET_QUEUE_NUM).readLongLE())
                .as("when it is closed")
                .isEqualTo(2);
    }

    @Test
    void shouldGoOnWhileDescriptorsThatNobodyHasReceivedCanNotBeClosed() throws Exception {
        front = new FrontEndModel(path);
        while (!onControl(device::isConnected)) {
            Thread.onSpinWait();
        }
        try (Lingering lingering = new Lingering();
                FrontEndModel next = new FrontEndModel(path)) {
            onControl(
                    () -> { // both messages are there before it looks again
                        front.send(99, 0, Unpooled.buffer());
                        front.send(FrontEndModel.GET_QUEUE_NUM, 0, Unpooled.buffer(), lingering.fd());
                        lingering.leave();
                        return null;
                    });
            front.awaitEnd();
            assertThat(onControl(device::isConnected)).as("the next one waits").isFalse();
            lingering.endLingering();
            next.negotiate();
        }
    }

    /**
     * Lets a loop wait in a write to a counter that is full, of a descriptor that its owner has made blocking. By the time that this
     * returns the device may have seen it already, and have ended the connection.
     */
    private void holdUpALoop() throws Exception {
        connect();
        int call = BlockingEventFd.create();
        front.calls.add(call);
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0), call)).isTrue();
        ByteBuf full =
                Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(Long.BYTES)).setLongLE(0, -2);
        assertThat(Linux.write(call, full.memoryAddress(), Long.BYTES)).isEqualTo(Long.BYTES);
        front.rings.get(0).enableCalls();
        offer(0, FrontEndModel.OUT, 1, 1);
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (onControl(device::isConnected)
                && Thread.getAllStackTraces().values().stream()
                        .flatMap(Arrays::stream)
                        .noneMatch(frame -> frame.getMethodName().equals("signal"))) {
            FrontEndModel.pause(deadlineNs);
        }
    }

    /** The connection ends before the device is done with it. */
    private void awaitGone() throws Exception {
        front.awaitEnd();
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (onControl(device::isConnected)) {
            FrontEndModel.pause(deadlineNs);
        }
    }

    private void assertThatAllLoopsGoOn() throws Exception {
        for (EpollLoop loop : data.all()) {
            loop.eventLoop().submit(() -> {}).get(WAIT_SECONDS, TimeUnit.SECONDS);
        }
    }

    @Test
    void shouldGoOnWithoutAFrontEndThatFillsACounterItIsCalledBy() throws Exception {
        holdUpALoop();
        awaitGone();
        assertThatAllLoopsGoOn();
        try (FrontEndModel again = new FrontEndModel(path)) {
            assertThat(onControl(() -> {
                        again.send(FrontEndModel.GET_QUEUE_NUM, 0, Unpooled.buffer());
                        return device.isConnected();
                    }))
                    .isFalse();
        }
    }

    @Test
    void shouldGoOnWithoutAFrontEndThatTakesAFullCounterAway() throws Exception {
        holdUpALoop();
        try {
            front.send(FrontEndModel.SET_VRING_CALL, 0, number(0), front.calls.get(0));
        } catch (IllegalStateException e) {
            assertThat(e).as("gone already").hasMessageStartingWith("sent");
        }
        awaitGone();
        assertThatAllLoopsGoOn();
    }

    /** The flags of the open file, which all descriptors of it share. */
    private static List<String> flags(int fd) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/fdinfo", Integer.toString(fd))).stream()
                .filter(line -> line.startsWith("flags:"))
                .toList();
    }

    @Test
    void shouldLeaveTheFlagsOfItsEventDescriptorsAlone() throws Exception {
        connect();
        int call = BlockingEventFd.create();
        front.calls.add(call);
        List<String> before = flags(call);
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0), call)).isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, number(0), call)).isTrue();
        assertThat(flags(call)).isEqualTo(before);
    }

    @Test
    void shouldWatchOverHugePagesWhateverTheirFileIsSealedAgainst() {
        int sealed = Linux.memoryFile("sealed");
        assertThat(Linux.sealAgainstShrinking(sealed)).isZero();
        long tmpfs = 0x01021994;
        long hugetlbfs = 0x958458f6L;
        assertThat(GuestMemory.mayVanish(sealed, new FileFacts(1, 1, MIB, tmpfs, 4096)))
                .isFalse();
        assertThat(GuestMemory.mayVanish(sealed, new FileFacts(1, 1, MIB, hugetlbfs, 2 * MIB)))
                .isTrue();
        Linux.close(sealed);
    }

    @Test
    void shouldGoOnWhereItStoppedWhenARingIsStoppedAndStartedAgain() throws Exception {
        connect();
        for (int i = 0; i < 10; i++) {
            write(0, i, i + 1);
        }
        assertThat(front.base(0)).isEqualTo(10);
        int at = offer(0, FrontEndModel.OUT, 99, 9);
        assertThat(volume.bytes().getByte(99 * 4096)).isZero();
        front.describe(0, 10);
        front.awaitUsed(0);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(volume.bytes().getByte(99 * 4096)).isEqualTo((byte) 9);
        write(1, 100, 3);
    }

    @Test
    void shouldAnswerTheRingsBaseOnlyWhenNothingIsInFlight() throws Exception {
        connect();
        volume.hold();
        int at = offer(0, FrontEndModel.OUT, 5, 5);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        front.send(FrontEndModel.GET_VRING_BASE, 0, payload(0, 0));
        Thread.sleep(50);
        assertThat(memory.memory().get(at + 8192)).isEqualTo((byte) 0xEE);
        volume.letGo();
        assertThat(front.receive(FrontEndModel.GET_VRING_BASE).getIntLE(4)).isEqualTo(1);
        assertThat(memory.memory().get(at + 8192))
                .as("answered before the base was")
                .isZero();
    }

    @Test
    void shouldServeARingOnlyWhenItIsEnabled() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0, MIB);
        front.rings(memory, 1, 0);
        front.setMemory();
        front.describe(0, 0);
        offer(0, FrontEndModel.OUT, 1, 1);
        Thread.sleep(20);
        assertThat(volume.bytes().getByte(4096)).isZero();
        front.enable(0);
        front.awaitUsed(0);
        assertThat(volume.bytes().getByte(4096)).isEqualTo((byte) 1);
        assertThat(front.tell(FrontEndModel.SET_VRING_ENABLE, payload(0, 0))).isTrue();
        offer(0, FrontEndModel.OUT, 2, 2);
        Thread.sleep(20);
        assertThat(volume.bytes().getByte(8192)).isZero();
        front.enable(0);
        front.awaitUsed(0);
    }

    @Test
    void shouldTakeAnotherCallDescriptorWhileBusy() throws Exception {
        connect();
        for (int i = 0; i < 50; i++) {
            volume.hold();
            offer(0, FrontEndModel.OUT, i, i);
            offer(1, FrontEndModel.OUT, 100, i);
            int old = front.calls.set(0, Linux.eventfd());
            assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0), front.calls.get(0)))
                    .isTrue();
            front.rings.get(0).enableCalls();
            volume.letGo();
            long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
            while (!front.signalled(front.calls.get(0))) {
                FrontEndModel.pause(deadlineNs);
            }
            assertThat(front.signalled(old)).isFalse();
            assertThat(front.rings.get(0).poll()).isTrue();
            front.awaitUsed(1);
            Linux.close(old);
        }
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0x100))).isTrue();
        offer(0, FrontEndModel.OUT, 1, 77);
        while (!front.rings.get(0).poll()) {
            Thread.onSpinWait();
        }
        assertThat(front.signalled(front.calls.get(0)))
                .as("nobody wants to be called")
                .isFalse();
    }

    @Test
    void shouldGoOnWhenTheMemoryIsReplacedUnderLoad() throws Exception {
        connect();
        FrontEndModel.Region second = front.memory(0x4000_0000, MIB);
        for (int i = 0; i < 20; i++) {
            offer(0, FrontEndModel.OUT, i, i);
            offer(1, FrontEndModel.OUT, 100 + i, i);
            List<FrontEndModel.Region> table = i % 2 == 0 ? front.regions : front.regions.subList(0, 1);
            assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(table), FrontEndModel.fds(table)))
                    .isTrue();
            front.awaitUsed(0);
            front.awaitUsed(1);
            if (i % 2 == 0) {
                front.offer(second, 4096, 0, FrontEndModel.OUT, 50, 100 + i);
                front.awaitUsed(0);
                assertThat(volume.bytes().getByte(50 * 4096)).isEqualTo((byte) (100 + i));
            }
        }
    }

    @Test
    void shouldAddAndRemoveRegionsOneByOne() throws Exception {
        connect();
        assertThat(front.ask(FrontEndModel.GET_MAX_MEM_SLOTS).readLongLE()).isGreaterThanOrEqualTo(32);
        FrontEndModel.Region second = front.memory(0x4000_0000, MIB);
        assertThat(front.tell(FrontEndModel.ADD_MEM_REG, FrontEndModel.single(second), second.fd()))
                .isTrue();
        front.offer(second, 0, 0, FrontEndModel.OUT, 50, 1);
        front.awaitUsed(0);
        assertThat(front.tell(FrontEndModel.ADD_MEM_REG, FrontEndModel.single(second), second.fd()))
                .as("overlaps itself")
                .isFalse();
        assertThat(front.tell(FrontEndModel.REM_MEM_REG, FrontEndModel.single(second)))
                .isTrue();
        assertThat(front.tell(FrontEndModel.REM_MEM_REG, FrontEndModel.single(second)))
                .isFalse();
        write(0, 51, 2);
        front.offer(second, 0, 0, FrontEndModel.OUT, 52, 1);
        awaitBroken(0);
        write(1, 53, 3);
    }

    private void awaitBroken(int ring) throws TimeoutException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!front.signalled(front.errors.get(ring))) {
            FrontEndModel.pause(deadlineNs);
        }
    }

    @Test
    void shouldReachAllOfASparseRegionOfSixGib() throws Exception {
        long length = 6L << 30;
        int fd = Linux.memoryFile("large");
        Linux.truncate(fd, length);
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, 1, 0);
        List<FrontEndModel.Region> table = new ArrayList<>(front.regions);
        table.add(new FrontEndModel.Region(1L << 32, length, 0, fd, null));
        assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(table), FrontEndModel.fds(table)))
                .isTrue();
        front.describe(0, 0);
        front.enable(0);
        for (long edge : new long[] {0x1000, 1L << 30, 2L << 30, 3L << 30, 4L << 30, 5L << 30, length - 0x1000}) {
            ByteBuffer window = Linux.wrapNio(Linux.mapShared(fd, 0x4000, edge - 0x1000, true), 0x2000);
            for (int i = 0; i < 0x2000; i++) {
                window.put(i, (byte) ((edge >>> 28) ^ (i >> 8)));
            }
            long guest = (1L << 32) + edge;
            memory.memory().putInt(DATA, FrontEndModel.OUT).putLong(DATA + 8, 8);
            DriverModel driver = front.rings.get(0);
            // 4 KiB from 2 KiB before the edge to 2 KiB behind it
            driver.offer(driver.chain(List.of(
                    new Piece(memory.guest() + DATA, 16, false),
                    new Piece(guest - 2048, 4096, false),
                    new Piece(memory.guest() + DATA + 64, 1, true))));
            if (driver.show()) {
                front.kick(0);
            }
            front.awaitUsed(0);
            assertThat(memory.memory().get(DATA + 64)).isZero();
            for (int i = 0; i < 4096; i += 256) {
                assertThat(volume.bytes().getByte(4096 + i)).isEqualTo((byte) ((edge >>> 28) ^ ((2048 + i) >> 8)));
            }
        }
        Linux.close(fd);
    }

    @Test
    void shouldServeTheNextFrontEndWhenOneGoesWithRequestsInFlight() throws Exception {
        connect();
        volume.hold();
        int at = offer(0, FrontEndModel.IN, 7, 1);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        FrontEndModel gone = front;
        ByteBuffer oldMemory = memory.memory();
        gone.socket.close();
        connect();
        volume.bytes().setByte(7 * 4096, 0x55);
        volume.letGo();
        write(0, 8, 8);
        write(1, 9, 9);
        assertThat(oldMemory.get(at + 4096))
                .as("a late read stays off the memory")
                .isEqualTo((byte) 1);
        assertThat(oldMemory.get(at + 8192)).isEqualTo((byte) 0xEE);
    }

    @Test
    void shouldLetASecondFrontEndWaitUntilTheFirstIsGone() throws Exception {
        connect();
        FrontEndModel first = front;
        FrontEndModel second = new FrontEndModel(path);
        second.send(FrontEndModel.GET_FEATURES, 0, Unpooled.buffer());
        write(0, 1, 1);
        assertThatThrownBy(() -> CompletableFuture.runAsync(
                                () -> {
                                    try {
                                        second.receive(FrontEndModel.GET_FEATURES);
                                    } catch (IOException | TimeoutException e) {
                                        throw new IllegalStateException(e);
                                    }
                                },
                                task -> new Thread(task, "background").start())
                        .get(50, TimeUnit.MILLISECONDS))
                .isInstanceOf(TimeoutException.class);
        first.close();
        front = second;
        Thread.sleep(100); // the other thread takes the reply
        connect2();
    }

    private void connect2() throws Exception {
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, 2, 0);
        front.setMemory();
        front.describe(0, 0);
        front.enable(0);
        write(0, 2, 2);
    }

    @Test
    void shouldForgetEverythingWhenTheDeviceIsReset() throws Exception {
        connect();
        volume.hold();
        offer(0, FrontEndModel.OUT, 7, 1);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        assertThat(front.tell(FrontEndModel.RESET_DEVICE, Unpooled.buffer())).isTrue();
        volume.letGo();
        for (DriverModel ring : front.rings) {
            ring.restart(0);
        }
        front.describe(0, 0);
        front.enable(0);
        write(0, 1, 1);
    }

    @Test
    void shouldServeAgainWhatWasInFlightWhenAFrontEndComesBackWithItsLog() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        for (int i = 0; i < 5; i++) {
            write(0, i, i + 1);
        }
        volume.arrivals.clear();
        volume.hold();
        int[] at = {
            offer(0, FrontEndModel.OUT, 7, 70), offer(0, FrontEndModel.OUT, 8, 80), offer(1, FrontEndModel.OUT, 9, 90)
        };
        for (int i = 0; i < at.length; i++) {
            volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        }
        front = front.again(path);
        front.negotiate();
        front.start(log);
        int unseen = offer(1, FrontEndModel.OUT, 10, 100);
        volume.letGo();
        front.awaitUsed(0);
        front.awaitUsed(0);
        front.awaitUsed(1);
        front.awaitUsed(1);
        for (int i = 0; i < at.length; i++) {
            assertThat(memory.memory().get(at[i] + 8192)).isZero();
            assertThat(volume.bytes().getByte((7 + i) * 4096)).isEqualTo((byte) (70 + 10 * i));
        }
        assertThat(memory.memory().get(unseen + 8192)).isZero();
        assertThat(front.rings.get(0).usedIdx()).isEqualTo(7);
        write(0, 20, 20);
        write(1, 21, 21);
        assertThat(front.base(0)).isEqualTo(8);
    }

    /** QEMU and Cloud Hypervisor disable a ring before they ask for its base. */
    @Test
    void shouldBeginTheLogAnewWhenTheBaseOfADisabledRingWasAsked() throws Exception {
        connectWithLog();
        write(0, 1, 1);
        assertThat(front.tell(FrontEndModel.SET_VRING_ENABLE, payload(0, 0))).isTrue();
        assertThat(front.base(0)).isEqualTo(1);
        front.rings.get(0).restart(0);
        front.describe(0, 0);
        front.enable(0);
        write(0, 2, 2);
        write(1, 3, 3);
    }

    /** A front end may give up between two rings, and ask for the bases of both. */
    @Test
    void shouldKeepWhatIsInFlightOfARingThatWasNotStartedAgainWhenItsBaseIsAsked() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        volume.hold();
        int at = offer(1, FrontEndModel.OUT, 9, 90);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        front = front.again(path);
        front.negotiate();
        front.setMemory();
        assertThat(front.setLog(log, 2)).isTrue();
        front.describe(0, 0);
        front.enable(0);
        front.describe(1, 0);
        assertThat(front.base(0)).isZero();
        assertThat(front.base(1)).isZero();
        front = front.again(path);
        front.negotiate();
        front.start(log);
        volume.letGo();
        front.awaitUsed(1);
        assertThat(memory.memory().get(at + 8192)).isZero();
        write(0, 1, 1);
        write(1, 2, 2);
    }

    /** Cloud Hypervisor says on each connection how far the driver has got, not how far the requests have. */
    @Test
    void shouldGoByTheLogWhateverBaseAFrontEndComesBackWith() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        write(0, 1, 1);
        volume.arrivals.clear();
        volume.hold();
        int fetched = offer(0, FrontEndModel.OUT, 7, 70);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        front = front.again(path);
        int unseen = offer(0, FrontEndModel.OUT, 8, 80);
        front.negotiate();
        front.setMemory();
        assertThat(front.setLog(log, 2)).isTrue();
        front.describe(0, 3);
        front.enable(0);
        volume.letGo();
        front.awaitUsed(0);
        front.awaitUsed(0);
        assertThat(memory.memory().get(fetched + 8192)).isZero();
        assertThat(memory.memory().get(unseen + 8192)).isZero();
        assertThat(front.base(0)).isEqualTo(3);
    }

    @Test
    void shouldGoOnWithTheLogWhenAnotherProcessListens() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        write(0, 1, 1);
        volume.arrivals.clear();
        volume.hold();
        int at = offer(0, FrontEndModel.OUT, 7, 70);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        Path otherPath = folder.resolve("t");
        VhostUserDevice successor = open(otherPath);
        front.socket.close();
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (onControl(device::isConnected)) {
            FrontEndModel.pause(deadlineNs);
        }
        front = front.again(otherPath);
        front.negotiate();
        front.start(log);
        volume.letGo();
        front.awaitUsed(0);
        assertThat(memory.memory().get(at + 8192)).isZero();
        write(0, 2, 2);
        front.close();
        front = null;
        close(successor);
    }

    @Test
    void shouldRefuseTheLogOfAnotherAttachmentAndWhatIsNone() throws Exception {
        FrontEndModel.Log log = connectWithLog();
        Path otherPath = folder.resolve("t");
        VhostUserDevice other = open(otherPath, 2);
        assertThat(front.setLog(log, 2)).as("rings in use").isFalse();
        front = front.again(otherPath);
        front.negotiate();
        assertThat(front.setLog(log, 2)).as("another attachment").isFalse();
        FrontEndModel.Log right = front.newLog(2);
        assertThat(front.setLog(right, 1)).as("of two queues").isFalse();
        assertThat(front.setLog(right, 3)).as("three queues").isFalse();
        assertThat(front.setLog(new FrontEndModel.Log(right.fd(), right.size() - 64, 0), 2))
                .as("too short")
                .isFalse();
        assertThat(front.setLog(new FrontEndModel.Log(right.fd(), right.size(), 4096), 2))
                .as("beyond the end")
                .isFalse();
        assertThat(front.setLog(new FrontEndModel.Log(memory.fd(), right.size(), 0), 2))
                .as("something else")
                .isFalse();
        assertThat(front.setLog(new FrontEndModel.Log(front.kicks.get(0), right.size(), 0), 2))
                .as("no memory")
                .isFalse();
        front.setMemory();
        assertThat(front.setLog(right, 2)).isTrue();
        front.describe(0, 0);
        front.enable(0);
        write(0, 1, 1);
        front.close();
        front = null;
        close(other);
    }

    @Test
    void shouldRefuseToBeginWhereRequestsWouldBeLeftOut() throws Exception {
        connect();
        write(0, 1, 1);
        assertThat(front.base(0)).isEqualTo(1);
        assertThatThrownBy(() -> front.describe(0, 3)).hasMessageContaining("refused");
        assertThat(front.tell(FrontEndModel.SET_VRING_BASE, payload(0, 1))).isTrue();
        front.enable(0);
        write(0, 2, 2);
    }

    @Test
    void shouldCutAFrontEndOffAndGoOnWithOthersWhenItsMemoryShrinks() throws Exception {
        connect();
        Path otherPath = folder.resolve("t");
        VhostUserDevice other = open(otherPath);
        Linux.truncate(memory.fd(), 0);
        for (int ring = 0; ring < 2; ring++) {
            front.kick(ring);
        }
        front.awaitEnd();
        front.close();
        path = otherPath;
        connect();
        write(0, 3, 3);
        read(1, 3, 3);
        front.close();
        front = null;
        path = folder.resolve("s");
        close(other);
    }

    @Test
    void shouldReplaceTheSocketOfADeadProcessOnly() throws Exception {
        Path other = folder.resolve("t");
        assertThatThrownBy(() -> open(path)).hasStackTraceContaining("somebody listens");
        List<UnixSocket> waiting = fillQueue(path);
        assertThatThrownBy(() -> open(path)).as("busy").hasStackTraceContaining("somebody listens");
        waiting.forEach(UnixSocket::close);
        UnixSocket dead = UnixSocket.listen(other);
        dead.close();
        assertThat(other).exists();
        VhostUserDevice second = open(other);
        close(second);
        assertThat(other).doesNotExist();
        Files.writeString(other, "mine");
        assertThatThrownBy(() -> open(other)).hasStackTraceContaining("not a socket");
    }

    private static List<UnixSocket> fillQueue(Path path) {
        List<UnixSocket> waiting = new ArrayList<>();
        try {
            while (waiting.size() < 100) {
                waiting.add(UnixSocket.connect(path));
            }
        } catch (IOException e) {
            assertThat(e).hasMessageContaining("EAGAIN");
        }
        assertThat(waiting).hasSizeLessThan(100);
        return waiting;
    }

    @Test
    void shouldRefuseWhatIsNoMemoryNoEventfdOrNoRing() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0, MIB);
        front.rings(memory, 1, 0);
        int plain = Linux.open(folder.resolve("f").toString(), 0x42, 0600);
        Linux.truncate(plain, MIB);
        var onDisk = new FrontEndModel.Region(0, MIB, 0, plain, null);
        assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(List.of(onDisk)), plain))
                .isFalse();
        var tooLong = new FrontEndModel.Region(0, 2 * MIB, 0, memory.fd(), null);
        assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(List.of(tooLong)), memory.fd()))
                .isFalse();
        assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(List.of(memory))))
                .isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, number(0), plain)).isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(2), front.calls.get(0)))
                .isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_NUM, payload(-1, 64))).isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_NUM, payload(0, 65))).isFalse();
        assertThat(front.tell(FrontEndModel.SET_FEATURES, number(1L << 33))).isFalse();
        front.setMemory();
        assertThat(front.tell(FrontEndModel.SET_VRING_NUM, payload(0, 64))).isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_ADDR, payload(0, 0, 1, 1, 1, 1, 1, 1, 0, 0)))
                .isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_ENABLE, payload(0, 1))).isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, number(0), front.kicks.get(0)))
                .as("the ring is in no memory")
                .isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_ADDR, front.addresses(0))).isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0), front.calls.get(0)))
                .isTrue();
        front.enable(0);
        write(0, 1, 1);
        Linux.close(plain);
    }
}
