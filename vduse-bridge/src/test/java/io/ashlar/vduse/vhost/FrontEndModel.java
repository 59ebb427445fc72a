package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.UnixSocket;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A front end of its own, written from the vhost-user specification alone: its numbers are not the back end's. It lives on
 * the thread of the test, and waits for every reply.
 */
final class FrontEndModel implements AutoCloseable {
    static final int GET_FEATURES = 1;
    static final int SET_FEATURES = 2;
    static final int SET_OWNER = 3;
    static final int SET_MEM_TABLE = 5;
    static final int SET_VRING_NUM = 8;
    static final int SET_VRING_ADDR = 9;
    static final int SET_VRING_BASE = 10;
    static final int GET_VRING_BASE = 11;
    static final int SET_VRING_KICK = 12;
    static final int SET_VRING_CALL = 13;
    static final int SET_VRING_ERR = 14;
    static final int GET_PROTOCOL_FEATURES = 15;
    static final int SET_PROTOCOL_FEATURES = 16;
    static final int GET_QUEUE_NUM = 17;
    static final int SET_VRING_ENABLE = 18;
    static final int SET_BACKEND_REQ_FD = 21;
    static final int GET_CONFIG = 24;
    static final int SET_CONFIG = 25;
    static final int GET_INFLIGHT_FD = 31;
    static final int SET_INFLIGHT_FD = 32;
    static final int RESET_DEVICE = 34;
    static final int GET_MAX_MEM_SLOTS = 36;
    static final int ADD_MEM_REG = 37;
    static final int REM_MEM_REG = 38;

    /** Types of requests (VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT). */
    static final int IN = 0;

    static final int OUT = 1;
    static final int RING_SIZE = 64;
    static final long F_INDIRECT = 1L << 28;
    static final long F_EVENT_IDX = 1L << 29;
    static final long F_PROTOCOL = 1L << 30;
    static final long F_VERSION_1 = 1L << 32;
    /** The user address of guest address g is g + this. */
    static final long USER_BASE = 0x7f00_0000_0000L;

    private static final int NEED_REPLY = 8;
    private static final long WAIT_NS = TimeUnit.SECONDS.toNanos(60);

    /** A piece of guest memory in a file of its own. */
    record Region(long guest, long length, long offset, int fd, ByteBuffer memory) {}

    /** Memory that is kept for the back end. */
    record Log(int fd, long size, long offset) {}

    final UnixSocket socket;
    final List<Region> regions = new ArrayList<>();
    final List<DriverModel> rings = new ArrayList<>();
    final List<Integer> kicks = new ArrayList<>();
    final List<Integer> calls = new ArrayList<>();
    final List<Integer> errors = new ArrayList<>();
    private final ByteBuf in = Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(4096));
    private final ByteBuf eight = Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(8));
    long features;
    private int received = -1;

    FrontEndModel(Path path) throws IOException {
        socket = UnixSocket.connect(path);
    }

    /** Adds memory that is mapped here as a whole; it must be less than 2 GiB. */
    Region memory(long guest, int length) {
        int fd = Linux.memoryFile("guest");
        Linux.truncate(fd, length);
        return memory(guest, length, 0, fd);
    }

    Region memory(long guest, int length, long offset, int fd) {
        ByteBuffer memory = Linux.wrapNio(Linux.mapShared(fd, length, offset, true), length);
        Region region = new Region(guest, length, offset, fd, memory);
        regions.add(region);
        return region;
    }

    /** Creates rings at the start of a region, with their eventfds. */
    void rings(Region region, int count, int start) {
        int bytes = (DriverModel.bytes(RING_SIZE) + 4095) & ~4095;
        for (int i = 0; i < count; i++) {
            boolean eventIdx = true;
            rings.add(new DriverModel(
                    region.memory.slice(i * bytes, bytes),
                    region.guest + (long) i * bytes,
                    RING_SIZE,
                    eventIdx,
                    start));
            kicks.add(Linux.eventfd());
            calls.add(Linux.eventfd());
            errors.add(Linux.eventfd());
        }
    }

    static ByteBuf payload(int... words) {
        ByteBuf payload = Unpooled.buffer();
        for (int word : words) {
            payload.writeIntLE(word);
        }
        return payload;
    }

    static ByteBuf number(long value) {
        return Unpooled.buffer().writeLongLE(value);
    }

    /** Sends a message. */
    void send(int request, int flags, ByteBuf payload, int... fds) {
        ByteBuf message = Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(12 + payload.readableBytes()));
        message.clear()
                .writeIntLE(request)
                .writeIntLE(1 | flags)
                .writeIntLE(payload.readableBytes())
                .writeBytes(payload);
        long sent = socket.send(message, fds);
        if (sent != 12 + message.writerIndex() - 12) {
            throw new IllegalStateException("sent " + Errno.describe(sent));
        }
    }

    /** Returns the payload of the reply to a request; throws if the connection ends. */
    ByteBuf receive(int request) throws IOException, TimeoutException {
        in.clear();
        receiveTo(12);
        if (in.getIntLE(0) != request || (in.getIntLE(4) & 7) != 5) {
            throw new IOException("reply to " + in.getIntLE(0) + ", flags " + in.getIntLE(4));
        }
        receiveTo(12 + in.getIntLE(8));
        return in.slice(12, in.getIntLE(8));
    }

    private void receiveTo(int length) throws IOException, TimeoutException {
        long deadlineNs = System.nanoTime() + WAIT_NS;
        while (in.writerIndex() < length) {
            long result = socket.receive(in, length - in.writerIndex(), fd -> received = fd);
            if (result == -Errno.EAGAIN) {
                pause(deadlineNs);
            } else if (result <= 0) {
                throw new IOException("connection closed");
            }
        }
    }

    static void pause(long deadlineNs) throws TimeoutException {
        if (System.nanoTime() > deadlineNs) {
            throw new TimeoutException("nothing within a minute");
        }
        try {
            Thread.sleep(1);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    ByteBuf ask(int request, ByteBuf payload, int... fds) throws IOException, TimeoutException {
        send(request, 0, payload, fds);
        return receive(request);
    }

    ByteBuf ask(int request) throws IOException, TimeoutException {
        return ask(request, Unpooled.buffer());
    }

    /** Sends a request that has no reply of its own and returns whether it was done. */
    boolean tell(int request, ByteBuf payload, int... fds) throws IOException, TimeoutException {
        send(request, NEED_REPLY, payload, fds);
        return receive(request).readLongLE() == 0;
    }

    private void must(int request, ByteBuf payload, int... fds) throws IOException, TimeoutException {
        if (!tell(request, payload, fds)) {
            throw new IOException("request " + request + " refused");
        }
    }

    /** Negotiates everything that is offered. */
    void negotiate() throws IOException, TimeoutException {
        features = ask(GET_FEATURES).readLongLE();
        send(SET_OWNER, 0, Unpooled.buffer());
        long protocol = ask(GET_PROTOCOL_FEATURES).readLongLE();
        send(SET_PROTOCOL_FEATURES, 0, number(protocol));
        must(SET_FEATURES, number(features));
    }

    static ByteBuf table(List<Region> regions) {
        ByteBuf payload = payload(regions.size(), 0);
        regions.forEach(region -> writeRegion(payload, region));
        return payload;
    }

    static ByteBuf single(Region region) {
        return writeRegion(number(0), region);
    }

    private static ByteBuf writeRegion(ByteBuf payload, Region region) {
        return payload.writeLongLE(region.guest)
                .writeLongLE(region.length)
                .writeLongLE(region.guest + USER_BASE)
                .writeLongLE(region.offset);
    }

    static int[] fds(List<Region> regions) {
        return regions.stream().mapToInt(Region::fd).toArray();
    }

    void setMemory() throws IOException, TimeoutException {
        must(SET_MEM_TABLE, table(regions), fds(regions));
    }

    /** Asks for a log of requests in flight. */
    Log newLog(int queues) throws IOException, TimeoutException {
        ByteBuf reply = ask(GET_INFLIGHT_FD, logPayload(0, 0, queues));
        int fd = received;
        received = -1;
        return new Log(fd, reply.getLongLE(0), reply.getLongLE(8));
    }

    private static ByteBuf logPayload(long size, long offset, int queues) {
        return number(size)
                .writeLongLE(offset)
                .writeShortLE(queues)
                .writeShortLE(RING_SIZE)
                .writeIntLE(0);
    }

    boolean setLog(Log log, int queues) throws IOException, TimeoutException {
        return tell(SET_INFLIGHT_FD, logPayload(log.size, log.offset, queues), log.fd);
    }

    /** Says all that a back end must know of memory, log and rings, which go on where they are. */
    void start(Log log) throws IOException, TimeoutException {
        setMemory();
        assertThat(setLog(log, rings.size())).isTrue();
        for (int ring = 0; ring < rings.size(); ring++) {
            describe(ring, rings.get(ring).usedIdx());
            enable(ring);
        }
    }

    /**
     * Offers a request for 4 KiB, with header, data (full of {@code fill}) and status (0xEE) in three pages of the memory from
     * {@code at} on, which is returned.
     */
    int offer(Region where, int at, int ring, int type, int block, int fill) {
        ByteBuffer bytes = where.memory();
        bytes.putInt(at, type).putInt(at + 4, 0).putLong(at + 8, block * 8L);
        for (int i = 0; i < 4096; i++) {
            bytes.put(at + 4096 + i, (byte) fill);
        }
        bytes.put(at + 8192, (byte) 0xEE);
        DriverModel driver = rings.get(ring);
        long guest = where.guest() + at;
        driver.offer(driver.chain(List.of(
                new Piece(guest, 16, false),
                new Piece(guest + 4096, 4096, type == IN),
                new Piece(guest + 8192, 1, true))));
        if (driver.show()) {
            kick(ring);
        }
        return at;
    }

    FrontEndModel again(Path path) throws IOException {
        socket.close();
        FrontEndModel next = new FrontEndModel(path);
        next.regions.addAll(regions);
        next.rings.addAll(rings);
        next.kicks.addAll(kicks);
        next.calls.addAll(calls);
        next.errors.addAll(errors);
        return next;
    }

    ByteBuf addresses(int ring) {
        var layout = rings.get(ring).layout();
        return payload(ring, 0)
                .writeLongLE(layout.descriptorIova() + USER_BASE)
                .writeLongLE(layout.usedIova() + USER_BASE)
                .writeLongLE(layout.availIova() + USER_BASE)
                .writeLongLE(0);
    }

    /** Describes a ring; it is served when it is enabled. */
    void describe(int ring, int base) throws IOException, TimeoutException {
        must(SET_VRING_NUM, payload(ring, RING_SIZE));
        must(SET_VRING_BASE, payload(ring, base));
        must(SET_VRING_ADDR, addresses(ring));
        must(SET_VRING_CALL, number(ring), calls.get(ring));
        must(SET_VRING_ERR, number(ring), errors.get(ring));
        must(SET_VRING_KICK, number(ring), kicks.get(ring));
    }

    void enable(int ring) throws IOException, TimeoutException {
        must(SET_VRING_ENABLE, payload(ring, 1));
    }

    int base(int ring) throws IOException, TimeoutException {
        return ask(GET_VRING_BASE, payload(ring, 0)).getIntLE(4);
    }

    void kick(int ring) {
        eight.setLongLE(0, 1);
        Linux.write(kicks.get(ring), eight.memoryAddress(), 8);
    }

    /** Returns whether an eventfd has been signalled since it was looked at last. */
    boolean signalled(int fd) {
        return Linux.read(fd, eight.memoryAddress(), 8) == 8;
    }

    /** Waits for a used element; sleeps, as a driver does, until it is called. */
    void awaitUsed(int ring) throws TimeoutException {
        long deadlineNs = System.nanoTime() + WAIT_NS;
        DriverModel driver = rings.get(ring);
        while (!driver.poll()) {
            if (!driver.enableCalls()) {
                while (!signalled(calls.get(ring))) {
                    pause(deadlineNs);
                }
            }
        }
    }

    /** Waits for the connection to be closed by the other side. */
    void awaitEnd() throws TimeoutException {
        long deadlineNs = System.nanoTime() + WAIT_NS;
        long result = -Errno.EAGAIN;
        while (result == -Errno.EAGAIN || result > 0) {
            in.clear();
            result = socket.receive(in, 4096, Linux::close);
            if (result == -Errno.EAGAIN) {
                pause(deadlineNs);
            }
        }
    }

    @Override
    public void close() {
        socket.close();
        regions.forEach(region -> Linux.close(region.fd));
        kicks.forEach(Linux::close);
        calls.forEach(Linux::close);
        errors.forEach(Linux::close);
    }
}
