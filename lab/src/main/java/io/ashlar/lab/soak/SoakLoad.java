package io.ashlar.lab.soak;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.lab.guest.DriverRing;
import io.ashlar.lab.guest.GuestDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Keeps both queues of a guest's disk busy with reads, writes and flushes, half of them in few blocks that are written again and
 * again; checks every answer; connects again when the back end goes. Runs on a thread of its own from {@link #run} on; the events'
 * thread sees its {@link Progress}.
 */
@ConfinedTo(LoopKind.OWNER)
final class SoakLoad implements Runnable {
    /** Virtqueues. */
    static final int QUEUES = 2;

    private static final int BLOCKS_MAX = GuestDisk.DATA_MAX / DiskContent.BLOCK_BYTES;
    /** So few that most are written while their last write is being sent again somewhere. */
    private static final int HOT_BLOCKS = 64;

    private static final int FLUSH_ONE_IN = 50;
    private static final int TRIES = 10;
    private static final long LOOK_NS = 100_000;
    /** Longer than any start of a bridge and a node together. */
    private static final long SILENCE_NS = TimeUnit.SECONDS.toNanos(120);

    /** One request in flight. */
    private static final class Request {
        private int type;
        private int first;
        private int count;
        private long version;
        private final long[] oldest = new long[BLOCKS_MAX];
        private boolean inFlight;
    }

    private final GuestDisk disk;
    private final DiskContent content;
    private final Random random;
    private final int depth;
    private final Progress progress;
    private final Request[][] requests = new Request[QUEUES][DriverRing.SLOTS];
    private long versions;
    private int inFlight;
    private long lastAnswerNs;

    /**
     * Prepares the load.
     *
     * @param depth requests in flight on each queue
     */
    SoakLoad(GuestDisk disk, int blocks, int depth, long seed, Progress progress) {
        this.disk = disk;
        this.depth = depth;
        this.progress = progress;
        content = new DiskContent(blocks);
        random = new Random(seed);
        for (Request[] queue : requests) {
            for (int i = 0; i < queue.length; i++) {
                queue[i] = new Request();
            }
        }
    }

    @Override
    public void run() {
        try {
            connect();
            lastAnswerNs = System.nanoTime();
            while (!progress.isEnding()) {
                turn(true);
            }
            while (inFlight > 0 && !progress.hasFailed()) {
                turn(false);
            }
            readAll();
        } catch (RuntimeException e) {
            progress.failed("the load has failed: " + e);
            throw e;
        } finally {
            progress.ended();
        }
    }

    /** One look at both rings, and new requests for those that are done. */
    private void turn(boolean more) {
        boolean any = false;
        for (int queue = 0; queue < QUEUES; queue++) {
            any |= takeAnswers(queue);
            if (more) {
                fill(queue);
            }
        }
        if (!any) {
            await();
        }
    }

    private void fill(int queue) {
        for (int slot = 0; slot < depth; slot++) {
            if (!requests[queue][slot].inFlight) {
                offerAny(queue, slot);
            }
        }
        disk.kick(queue);
    }

    private void offerAny(int queue, int slot) {
        if (random.nextInt(FLUSH_ONE_IN) == 0) {
            offer(queue, slot, GuestDisk.FLUSH, 0, 0);
            return;
        }
        int type = random.nextBoolean() ? GuestDisk.OUT : GuestDisk.IN;
        for (int i = 0; i < TRIES; i++) {
            int count = 1 + random.nextInt(BLOCKS_MAX);
            int reach = random.nextBoolean() ? HOT_BLOCKS : content.blocks();
            int first = random.nextInt(reach - count + 1);
            if (type == GuestDisk.IN || !content.isWriting(first, count)) {
                offer(queue, slot, type, first, count);
                return;
            }
        }
        offer(queue, slot, GuestDisk.IN, random.nextInt(content.blocks()), 1);
    }

    private void offer(int queue, int slot, int type, int first, int count) {
        Request request = requests[queue][slot];
        request.type = type;
        request.first = first;
        request.count = count;
        request.inFlight = true;
        if (type == GuestDisk.OUT) {
            request.version = ++versions;
            content.write(first, count, request.version, disk.data(queue, slot));
        }
        for (int i = 0; i < count; i++) {
            request.oldest[i] = content.oldest(first + i);
        }
        inFlight++;
        long block = DiskContent.BLOCK_BYTES;
        disk.offer(queue, slot, type, first * block, (int) (count * block));
    }

    private boolean takeAnswers(int queue) {
        boolean any = false;
        for (int slot = disk.ring(queue).poll();
                slot != -1;
                slot = disk.ring(queue).poll()) {
            any = true;
            if (slot < 0 || !requests[queue][slot].inFlight) {
                progress.failed(
                        "an answer on queue " + queue + " to a request that is not in flight, or answered twice");
            } else {
                answered(queue, slot);
            }
        }
        if (any) {
            long nowNs = System.nanoTime();
            progress.paused(nowNs - lastAnswerNs);
            lastAnswerNs = nowNs;
        }
        return any;
    }

    private void answered(int queue, int slot) {
        Request request = requests[queue][slot];
        request.inFlight = false;
        inFlight--;
        int status = disk.status(queue, slot);
        if (status != 0) {
            progress.failed("an I/O error: request of type " + request.type + " for block " + request.first
                    + " ended with " + status);
            return;
        }
        if (request.type == GuestDisk.OUT) {
            content.acknowledged(request.first, request.count, request.version);
        } else if (request.type == GuestDisk.IN) {
            ByteBuffer data = disk.data(queue, slot);
            for (int i = 0; i < request.count; i++) {
                String wrong = content.check(request.first + i, request.oldest[i], data, i * DiskContent.BLOCK_BYTES);
                if (wrong != null) {
                    progress.failed("a mismatch: " + wrong);
                }
            }
        }
        progress.answered(request.type == GuestDisk.IN ? request.count : 0);
    }

    /** Nothing has come: sleeps until a call, or looks after the connection. */
    private void await() {
        while (!disk.takeCalls()) {
            if (!disk.ring(0).isAsleep() || !disk.ring(1).isAsleep()) {
                return;
            }
            if (disk.isCutOff()) {
                connect();
            } else if (inFlight > 0 && System.nanoTime() - lastAnswerNs > SILENCE_NS) {
                boolean unseen = disk.ring(0).hasUnseen() || disk.ring(1).hasUnseen();
                progress.failed(unseen ? "a call was lost" : "nothing was answered for two minutes");
                return;
            }
            if (progress.hasFailed()) {
                return;
            }
            LockSupport.parkNanos(LOOK_NS);
        }
    }

    /** Tries again and again, as front ends do. */
    private void connect() {
        long deadlineNs = System.nanoTime() + SILENCE_NS;
        while (!progress.hasFailed()) {
            try {
                disk.connect();
                progress.connected();
                return;
            } catch (IOException e) {
                if (System.nanoTime() - deadlineNs > 0) {
                    progress.failed("can't connect: " + e.getMessage());
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
            }
        }
    }

    /** Reads the whole disk, one request at a time. */
    private void readAll() {
        for (int first = 0; first < content.blocks() && !progress.hasFailed(); first += BLOCKS_MAX) {
            offer(0, 0, GuestDisk.IN, first, Math.min(BLOCKS_MAX, content.blocks() - first));
            disk.kick(0);
            lastAnswerNs = System.nanoTime();
            while (inFlight > 0 && !progress.hasFailed()) {
                turn(false);
            }
        }
    }
}
