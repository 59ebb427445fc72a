package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.vduse.device.MappedRegion;
import io.ashlar.vduse.inflight.DeviceIdentity;
import io.ashlar.vduse.inflight.InflightException;
import io.ashlar.vduse.inflight.QueueRegion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The log of requests in flight that a front end keeps for us ("Inflight I/O tracking"): memory that we make, and that comes
 * back with each connection. The regions of the queues are where the specification has them; behind the last one is the
 * {@link DeviceIdentity}, by which requests that were meant for another attachment of the volume, or for another volume, are
 * told. All of it may have been changed by anybody since.
 *
 * <p>The regions belong to the loops that serve the queues. Whoever closes the log makes sure that none does any more. A
 * megabyte of the front end's file is used at most, but the file may be of any size, and its last user has to free all of it; so
 * the {@link Closer} unmaps it.
 */
@ConfinedTo(LoopKind.CONTROL)
final class KeptLog implements AutoCloseable {
    private final MappedRegion memory;
    private final Closer closer;
    private final List<QueueRegion> regions = new ArrayList<>();

    private KeptLog(MappedRegion memory, DeviceIdentity identity, Closer closer) {
        this.memory = memory;
        this.closer = closer;
        int stride = QueueRegion.bytes(identity.ringSize());
        ByteBuffer bytes = memory.bytes(bytes(identity));
        for (int i = 0; i < identity.queues(); i++) {
            regions.add(new QueueRegion(bytes.slice(i * stride, stride), identity.ringSize()));
        }
    }

    /** Returns the memory that a log takes. */
    static int bytes(DeviceIdentity identity) {
        return identityAt(identity) + DeviceIdentity.BYTES;
    }

    private static int identityAt(DeviceIdentity identity) {
        return identity.queues() * QueueRegion.bytes(identity.ringSize());
    }

    /** Returns the descriptor, the caller's to close, of a file with an empty log, which can't shrink. */
    static int create(DeviceIdentity identity) throws IOException {
        int fd = Linux.memoryFile("ashlar-inflight");
        int length = bytes(identity);
        long address = fd < 0 ? fd : Linux.truncate(fd, length);
        address = address < 0 ? address : Linux.sealAgainstShrinking(fd);
        address = address < 0 ? address : Linux.mapShared(fd, length, 0, true);
        if (address < 0) {
            if (fd >= 0) {
                Linux.close(fd);
            }
            throw new IOException("no memory for a log of requests in flight: " + Errno.describe(address));
        }
        Linux.wrapNio(address, length).put(identityAt(identity), identity.toBytes());
        Linux.unmap(address, length);
        return fd;
    }

    /**
     * Maps a log that a front end brings.
     *
     * @param expected whose it must be, whatever features the device had when it was made
     * @param fd stays the caller's, and is not needed afterwards
     * @param closer unmaps it
     * @throws IOException if it can't be used
     */
    static KeptLog open(DeviceIdentity expected, long lengthBytes, long offset, int fd, Closer closer)
            throws IOException {
        GuestMemory.Region region = GuestMemory.region(0, bytes(expected), 0, offset, fd);
        if (lengthBytes < bytes(expected) || offset % Long.BYTES != 0) {
            throw new IOException("a log of requests in flight of " + lengthBytes + " bytes at " + offset);
        }
        MappedRegion memory = GuestMemory.map(region);
        if (memory == null) {
            throw new IOException("can't map the log of requests in flight");
        }
        try {
            check(memory, expected);
            return new KeptLog(memory, expected, closer);
        } catch (IOException e) {
            memory.release(); // the descriptor outlives it
            throw e;
        }
    }

    private static void check(MappedRegion memory, DeviceIdentity expected) throws IOException {
        byte[] header = new byte[DeviceIdentity.BYTES];
        memory.bytes(bytes(expected)).get(identityAt(expected), header);
        DeviceIdentity found;
        try {
            found = DeviceIdentity.of(header);
        } catch (InflightException e) {
            throw new InflightException("can't make sense of the log of requests in flight: " + e.getMessage());
        }
        if (!expected.equals(found.withFeatures(expected.features()))) {
            throw new InflightException("the log of requests in flight is of another attachment: " + found);
        }
    }

    /** Returns a queue's region, or null for a queue that it knows nothing of. */
    QueueRegion region(int queue) {
        return queue < regions.size() ? regions.get(queue) : null;
    }

    /** The driver has gone, with all that it had in flight. */
    void forget() {
        regions.forEach(QueueRegion::invalidate);
    }

    /** Returns whether its file has shrunk under it, so that nobody will see what is logged. */
    boolean hasVanished() {
        return memory.vanished();
    }

    @Override
    public void close() {
        closer.close(memory::release);
    }
}
