package io.ashlar.vduse.device;

import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.FallocateMode;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.OpenFlags;
import io.ashlar.vduse.vring.Access;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.VringLayout;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * The kernel's side of one VDUSE device, as observed on 6.12 and 7.2: control messages with answers, memory in a file of which
 * the bounce window can be had only from the first request on, kicks that are remembered while nobody listens, interrupts that
 * are refused until the answer to DRIVER_OK is in. The driver's memory is a mapping of its own.
 */
public final class FakeKernel implements KernelDevice {
    public static final int RING_SIZE = 16;
    static final int BOUNCE_BYTES = 1 << 20;
    static final long RINGS_IOVA = 0x4000_0000L;
    static final int RINGS_BYTES = 1 << 16;
    static final int RING_STRIDE = 4096;
    private static final int DRIVER_OK = 4;

    private final int file;
    private final long driverAddress;
    private final ByteBuffer memory;
    private final ByteBuf signal = Unpooled.directBuffer(8).setLongLE(0, 1);
    private final Deque<byte[]> messages = new ArrayDeque<>();
    /** Read, and not answered yet. */
    private final Map<Integer, byte[]> taken = new TreeMap<>();

    private int closes;

    private final Map<Integer, CompletableFuture<ByteBuf>> answers = new HashMap<>();
    private final int messageFd = Linux.eventfd();
    private final int queues;
    private final int[] kickFds;
    private final boolean[] kicked;
    private final int[] interrupts;
    private final Semaphore calls = new Semaphore(0);
    private int nextId = 100;
    private int status;
    private long features;
    private boolean windowExists;
    private boolean broken;
    int configInterrupts;
    int refusedInterrupts;
    byte[] configWritten = new byte[0];

    public FakeKernel(Path path, int queues) {
        this.queues = queues;
        kickFds = new int[queues];
        Arrays.fill(kickFds, -1);
        kicked = new boolean[queues];
        interrupts = new int[queues];
        file = Linux.open(path.toString(), OpenFlags.READ_WRITE | OpenFlags.CREATE, 0600);
        int bytes = BOUNCE_BYTES + RINGS_BYTES;
        Linux.fallocate(file, FallocateMode.ALLOCATE, 0, bytes);
        driverAddress = Linux.mapShared(file, bytes, 0, true);
        memory = Linux.wrapNio(driverAddress, bytes);
    }

    /** The driver's own view: the bounce window, then the rings. */
    public ByteBuffer memory() {
        return memory;
    }

    /** Makes the rings of a queue, as a driver that has just been bound. */
    public DriverModel newRings(int queue) {
        int at = BOUNCE_BYTES + queue * RING_STRIDE;
        return new DriverModel(
                memory.slice(at, RING_STRIDE), RINGS_IOVA + (long) queue * RING_STRIDE, RING_SIZE, true, 0);
    }

    /** Sends SET_STATUS; the future gets whether it was accepted. */
    public CompletableFuture<Boolean> sendStatus(int newStatus) {
        CompletableFuture<Boolean> result = send(ControlMessage.SET_STATUS, newStatus, 0)
                .thenApply(answer -> answer.getIntLE(ControlMessage.RESULT_OFFSET) == ControlMessage.RESULT_OK);
        return result.thenApply(ok -> {
            synchronized (this) {
                if (ok) {
                    status = newStatus;
                }
                if (newStatus == 0) {
                    features = 0;
                    Arrays.fill(kickFds, -1);
                }
            }
            return ok;
        });
    }

    /** Sends any message with up to two numbers; the future gets the whole answer. */
    synchronized CompletableFuture<ByteBuf> send(int type, long first, long second) {
        int id = nextId++;
        ByteBuf message = Unpooled.buffer(ControlMessage.SIZE_BYTES).setZero(0, ControlMessage.SIZE_BYTES);
        message.setIntLE(ControlMessage.TYPE_OFFSET, type);
        message.setIntLE(ControlMessage.REQUEST_ID_OFFSET, id);
        message.setLongLE(ControlMessage.PAYLOAD_OFFSET, first);
        message.setLongLE(ControlMessage.IOVA_LAST_OFFSET, second);
        messages.add(message.array());
        CompletableFuture<ByteBuf> answer = new CompletableFuture<>();
        answers.put(id, answer);
        Linux.write(messageFd, signal.memoryAddress(), 8);
        return answer;
    }

    public synchronized void negotiate(long driverFeatures) {
        features = driverFeatures;
    }

    /** The driver maps the data of a request, which it does before it offers it; the first time makes the bounce window. */
    public synchronized void mapData() {
        windowExists = true;
    }

    /** The driver kicks a queue. */
    public synchronized void kick(int queue) {
        if (kickFds[queue] >= 0) {
            Linux.write(kickFds[queue], signal.memoryAddress(), 8);
        } else {
            kicked[queue] = true;
        }
    }

    synchronized int interrupts(int queue) {
        return interrupts[queue];
    }

    /** Waits a moment for an interrupt, which may have come already. */
    public boolean awaitInterrupt() throws InterruptedException {
        return calls.tryAcquire(5, TimeUnit.MILLISECONDS);
    }

    synchronized void setStatusSilently(int now) {
        status = now;
    }

    synchronized void breakDevice() {
        broken = true;
        Linux.write(messageFd, signal.memoryAddress(), 8);
    }

    @Override
    public int fd() {
        return messageFd;
    }

    @Override
    public synchronized long driverFeatures() {
        return features;
    }

    @Override
    public synchronized int setConfig(int offset, ByteBuf bytes) {
        configWritten = new byte[bytes.readableBytes()];
        bytes.getBytes(bytes.readerIndex(), configWritten);
        return 0;
    }

    @Override
    public synchronized int injectConfigInterrupt() {
        configInterrupts++;
        return (status & DRIVER_OK) == 0 ? -Errno.EINVAL : 0;
    }

    @Override
    public int setupQueue(int index, int sizeMax) {
        return index < queues ? 0 : -Errno.EINVAL;
    }

    @Override
    public QueueInfo queueInfo(int index) {
        VringLayout layout = newLayout(index);
        return new QueueInfo(layout.size(), layout.descriptorIova(), layout.availIova(), layout.usedIova(), 0, true);
    }

    private VringLayout newLayout(int queue) {
        long iova = RINGS_IOVA + (long) queue * RING_STRIDE;
        ByteBuffer scratch = ByteBuffer.allocate(RING_STRIDE);
        return new DriverModel(scratch, iova, RING_SIZE, true, 0).layout();
    }

    @Override
    public synchronized int setKick(int index, int eventFd) {
        kickFds[index] = eventFd;
        if (eventFd >= 0 && kicked[index]) {
            kicked[index] = false;
            Linux.write(eventFd, signal.memoryAddress(), 8);
        }
        return 0;
    }

    @Override
    public synchronized int injectInterrupt(int index) {
        if ((status & DRIVER_OK) == 0) {
            refusedInterrupts++;
            return -Errno.EINVAL;
        }
        interrupts[index]++;
        calls.release();
        return 0;
    }

    @Override
    public synchronized MappedRegion map(long iova) {
        if (iova >= RINGS_IOVA && iova < RINGS_IOVA + RINGS_BYTES) {
            long address = Linux.mapShared(file, RINGS_BYTES, BOUNCE_BYTES, true);
            return new MappedRegion(RINGS_IOVA, RINGS_BYTES, address, Access.READ_WRITE);
        }
        if (iova >= 0 && iova < BOUNCE_BYTES && windowExists) {
            long address = Linux.mapShared(file, BOUNCE_BYTES, 0, true);
            return new MappedRegion(0, BOUNCE_BYTES, address, Access.READ_WRITE);
        }
        return null;
    }

    @Override
    public synchronized long readMessage(long address) {
        if (broken) {
            return -Errno.EIO;
        }
        byte[] message = messages.poll();
        if (message == null) {
            return -Errno.EAGAIN;
        }
        Linux.wrap(address, message.length).setBytes(0, message);
        taken.put(Unpooled.wrappedBuffer(message).getIntLE(ControlMessage.REQUEST_ID_OFFSET), message);
        return message.length;
    }

    @Override
    public long writeMessage(long address) {
        ByteBuf answer = Linux.wrap(address, ControlMessage.SIZE_BYTES).copy();
        CompletableFuture<ByteBuf> waiting;
        synchronized (this) {
            int id = answer.getIntLE(ControlMessage.RESPONSE_ID_OFFSET);
            taken.remove(id);
            waiting = answers.remove(id);
        }
        if (waiting == null) {
            return -Errno.ENOENT;
        }
        waiting.complete(Unpooled.copiedBuffer(answer));
        answer.release();
        return ControlMessage.SIZE_BYTES;
    }

    /** Returns how often {@link #close} was called. */
    public synchronized int closes() {
        return closes;
    }

    /** The server's end of the device closes; the kernel keeps everything, and tells the next one what was not answered. */
    @Override
    public synchronized void close() {
        closes++;
        List<byte[]> again = new ArrayList<>(taken.values());
        Collections.reverse(again);
        again.forEach(messages::addFirst);
        taken.clear();
        if (!messages.isEmpty()) {
            Linux.write(messageFd, signal.memoryAddress(), 8);
        }
    }

    /** Ends the fake itself. */
    public void destroy() {
        Linux.unmap(driverAddress, BOUNCE_BYTES + RINGS_BYTES);
        Linux.close(file);
        Linux.close(messageFd);
        signal.release();
    }
}
