package io.ashlar.lab.guest;

import static io.ashlar.lab.guest.VhostConnection.GET_FEATURES;
import static io.ashlar.lab.guest.VhostConnection.GET_INFLIGHT_FD;
import static io.ashlar.lab.guest.VhostConnection.GET_PROTOCOL_FEATURES;
import static io.ashlar.lab.guest.VhostConnection.SET_FEATURES;
import static io.ashlar.lab.guest.VhostConnection.SET_INFLIGHT_FD;
import static io.ashlar.lab.guest.VhostConnection.SET_MEM_TABLE;
import static io.ashlar.lab.guest.VhostConnection.SET_OWNER;
import static io.ashlar.lab.guest.VhostConnection.SET_PROTOCOL_FEATURES;
import static io.ashlar.lab.guest.VhostConnection.SET_VRING_ADDR;
import static io.ashlar.lab.guest.VhostConnection.SET_VRING_BASE;
import static io.ashlar.lab.guest.VhostConnection.SET_VRING_CALL;
import static io.ashlar.lab.guest.VhostConnection.SET_VRING_ENABLE;
import static io.ashlar.lab.guest.VhostConnection.SET_VRING_KICK;
import static io.ashlar.lab.guest.VhostConnection.SET_VRING_NUM;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.Linux;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest with one virtio disk: its memory, its rings, the log of requests in flight that it keeps for the back end, and the
 * connection, which comes and goes. Requests survive the connection.
 */
@ConfinedTo(LoopKind.OWNER)
public final class GuestDisk implements AutoCloseable {
    /** Most data of a request, bytes. */
    public static final int DATA_MAX = 32 << 10;

    /** Type of a request that reads (virtio 1.2, 5.2.6). */
    public static final int IN = 0;
    /** One that writes. */
    public static final int OUT = 1;
    /** One that flushes. */
    public static final int FLUSH = 4;
    /** What a status is before the device has written it. */
    static final int UNANSWERED = 0xEE;

    /** What this driver understands: F_FLUSH, F_MQ, EVENT_IDX, PROTOCOL_FEATURES, VERSION_1. */
    private static final long FEATURES = 1L << 9 | 1L << 12 | 1L << 29 | 1L << 30 | 1L << 32;
    /** The back end must have them: EVENT_IDX, PROTOCOL_FEATURES, VERSION_1. */
    private static final long FEATURES_NEEDED = 1L << 29 | 1L << 30 | 1L << 32;
    /** MQ, REPLY_ACK (vhost-user, "Protocol features"). */
    private static final long PROTOCOL = 1 | 1 << 3;
    /** INFLIGHT_SHMFD. */
    private static final long PROTOCOL_LOG = 1 << 12;

    /** Guest addresses begin here, so that none is zero. */
    private static final long GUEST = 0x10_0000;
    /** User addresses, in messages, are the guest's plus this. */
    private static final long USER = 0x7f00_0000_0000L;

    private static final int HEADER_BYTES = 16;
    private static final int STATUS_AT = HEADER_BYTES;
    private static final int DATA_AT = 4096;
    private static final int SLOT_BYTES = DATA_AT + DATA_MAX;
    private static final long SECTOR_SHIFT = 9;

    private final Path socket;
    private final int queues;
    private final boolean keepsLog;
    private final int memoryBytes;
    private final int memoryFd;
    private final long address;
    private final ByteBuffer memory;
    private final List<DriverRing> rings = new ArrayList<>();
    private final int[] kicks;
    private final int[] calls;
    private final ByteBuf counter = Unpooled.directBuffer(Long.BYTES).setLongLE(0, 1);
    private final ByteBuf seen = Unpooled.directBuffer(Long.BYTES);
    private VhostConnection connection;
    private int logFd = -1;
    private long logBytes;
    private long logOffset;

    /**
     * Makes the guest; it is connected by {@link #connect}.
     *
     * @param queues virtqueues
     * @param keepsLog whether it keeps a log of requests in flight, which the back end must then write
     */
    public GuestDisk(Path socket, int queues, boolean keepsLog) throws IOException {
        this.socket = socket;
        this.queues = queues;
        this.keepsLog = keepsLog;
        kicks = new int[queues];
        calls = new int[queues];
        memoryBytes = queues * (DriverRing.BYTES + DriverRing.SLOTS * SLOT_BYTES);
        memoryFd = Linux.memoryFile("guest");
        if (memoryFd < 0 || Linux.truncate(memoryFd, memoryBytes) < 0) {
            throw new IOException("no memory for a guest");
        }
        address = Linux.mapShared(memoryFd, memoryBytes, 0, true);
        memory = Linux.wrapNio(address, memoryBytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < queues; i++) {
            int at = i * DriverRing.BYTES;
            rings.add(new DriverRing(memory.slice(at, DriverRing.BYTES), GUEST + at));
            kicks[i] = Linux.eventfd();
            calls[i] = Linux.eventfd();
        }
    }

    /** Connects, for the first time or again; the back end goes on with what is in flight. */
    public void connect() throws IOException {
        disconnect();
        connection = VhostConnection.open(socket);
        long features = negotiate(GET_FEATURES, FEATURES, FEATURES_NEEDED);
        connection.say(SET_OWNER, nothing());
        long wanted = keepsLog ? PROTOCOL | PROTOCOL_LOG : PROTOCOL;
        connection.say(SET_PROTOCOL_FEATURES, number(negotiate(GET_PROTOCOL_FEATURES, wanted, wanted)));
        connection.tell(SET_FEATURES, number(features));
        ByteBuf table = numbers(1, 0)
                .writeLongLE(GUEST)
                .writeLongLE(memoryBytes)
                .writeLongLE(GUEST + USER)
                .writeLongLE(0);
        connection.tell(SET_MEM_TABLE, table, memoryFd);
        if (keepsLog) {
            setLog();
        }
        for (int i = 0; i < queues; i++) {
            startRing(i);
        }
    }

    private long negotiate(int request, long understood, long needed) throws IOException {
        long offered = connection.ask(request, nothing()).readLongLE();
        if ((offered & needed) != needed) {
            throw new IOException("the back end lacks features: it offers " + Long.toHexString(offered));
        }
        return offered & understood;
    }

    private void setLog() throws IOException {
        if (logFd < 0) {
            ByteBuf made = connection.ask(GET_INFLIGHT_FD, logPayload());
            logBytes = made.getLongLE(0);
            logOffset = made.getLongLE(8);
            logFd = connection.takeFd();
        }
        connection.tell(SET_INFLIGHT_FD, logPayload(), logFd);
    }

    private void startRing(int i) throws IOException {
        DriverRing ring = rings.get(i);
        connection.tell(SET_VRING_NUM, numbers(i, DriverRing.SIZE));
        connection.tell(SET_VRING_BASE, numbers(i, ring.usedIdx()));
        ByteBuf addresses = numbers(i, 0)
                .writeLongLE(ring.descriptors() + USER)
                .writeLongLE(ring.used() + USER)
                .writeLongLE(ring.avail() + USER)
                .writeLongLE(0);
        connection.tell(SET_VRING_ADDR, addresses);
        connection.tell(SET_VRING_CALL, number(i), calls[i]);
        connection.tell(SET_VRING_KICK, number(i), kicks[i]);
        connection.tell(SET_VRING_ENABLE, numbers(i, 1));
    }

    private ByteBuf logPayload() {
        return number(logBytes)
                .writeLongLE(logOffset)
                .writeShortLE(queues)
                .writeShortLE(DriverRing.SIZE)
                .writeIntLE(0);
    }

    private static ByteBuf nothing() {
        return Unpooled.EMPTY_BUFFER;
    }

    private static ByteBuf number(long value) {
        return Unpooled.buffer().writeLongLE(value);
    }

    private static ByteBuf numbers(int first, int second) {
        return Unpooled.buffer().writeIntLE(first).writeIntLE(second);
    }

    /** Returns whether there is no connection, or one that the back end has closed. */
    public boolean isCutOff() {
        return connection == null || connection.hasEnded();
    }

    /** Returns a virtqueue. */
    public DriverRing ring(int queue) {
        return rings.get(queue);
    }

    /** Returns the data of a request's slot. */
    public ByteBuffer data(int queue, int slot) {
        return memory.slice(slotAt(queue, slot) + DATA_AT, DATA_MAX).order(ByteOrder.LITTLE_ENDIAN);
    }

    private int slotAt(int queue, int slot) {
        return queues * DriverRing.BYTES + (queue * DriverRing.SLOTS + slot) * SLOT_BYTES;
    }

    /** Offers a request; {@link #kick} makes it known. */
    public void offer(int queue, int slot, int type, long offsetBytes, int length) {
        int at = slotAt(queue, slot);
        memory.putInt(at, type).putInt(at + 4, 0).putLong(at + 8, offsetBytes >> SECTOR_SHIFT);
        memory.put(at + STATUS_AT, (byte) UNANSWERED);
        long guest = GUEST + at;
        rings.get(queue).offer(slot, guest, HEADER_BYTES, guest + DATA_AT, length, type == IN, guest + STATUS_AT);
    }

    /** Shows what has been offered, and kicks if the device wants that. */
    public void kick(int queue) {
        if (rings.get(queue).show()) {
            Linux.write(kicks[queue], counter.memoryAddress(), Long.BYTES);
        }
    }

    /** Returns the status of an answered request. */
    public int status(int queue, int slot) {
        return memory.get(slotAt(queue, slot) + STATUS_AT) & 0xFF;
    }

    /** Wakes the rings that have been called; returns whether there was one. */
    public boolean takeCalls() {
        boolean any = false;
        for (int i = 0; i < queues; i++) {
            if (Linux.read(calls[i], seen.memoryAddress(), Long.BYTES) == Long.BYTES) {
                rings.get(i).called();
                any = true;
            }
        }
        return any;
    }

    /** Returns the eventfd on which the device calls for a queue; it stays the guest's. */
    public int callFd(int queue) {
        return calls[queue];
    }

    private void disconnect() {
        if (connection != null) {
            connection.close();
            connection = null;
        }
    }

    @Override
    public void close() {
        disconnect();
        for (int i = 0; i < queues; i++) {
            Linux.close(kicks[i]);
            Linux.close(calls[i]);
        }
        if (logFd >= 0) {
            Linux.close(logFd);
        }
        Linux.unmap(address, memoryBytes);
        Linux.close(memoryFd);
        counter.release();
        seen.release();
    }
}
