package io.ashlar.client.volume;

import com.google.protobuf.ByteString;
import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.RegionSplitter;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.status.Remedy;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import io.ashlar.client.range.RangeTable;
import io.ashlar.client.session.Refusal;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.Geometry;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A volume on a node. Opening it begins an attachment on a control connection; every queue has a connection of its own on
 * its loop. While the node is away requests wait; see {@link VolumeOptions#ioTimeoutMs}.
 *
 * <p>What all queues share is here: the ranges in flight, whether acknowledged writes are durable, the geometry, and the
 * end. A volume ends for this host, for good, when it is fenced, when acknowledged writes were lost, or when the node
 * says that it is no more: every request from then on gets that status.
 */
@ThreadSafe
public final class RemoteVolume implements BlockDevice {
    private static final Logger LOG = LoggerFactory.getLogger(RemoteVolume.class);

    /** Parts in flight of requests that reach over a region's edge, per queue. */
    private static final int PARTS_MAX = 64;
    /** Segments of one request: a chain of 256 descriptors is the longest that a bridge hands on. */
    private static final int SEGMENTS_MAX = 256;

    private final VolumeOptions options;
    private final VolumeCounters counters = new VolumeCounters();
    private final VolumeLog log;
    private final RangeTable ranges = new RangeTable();
    private final Durability durability = new Durability();
    private final List<RemoteQueue> queues = new CopyOnWriteArrayList<>();
    private final List<Runnable> geometryListeners = new CopyOnWriteArrayList<>();
    private final List<Runnable> bootListeners = new CopyOnWriteArrayList<>();
    private final BitSet loopIndexes = new BitSet();
    private final AtomicLong attempts = new AtomicLong();
    private final ControlSession control;
    private volatile BlockGeometry geometry;
    private volatile long epoch;
    private volatile long heldSinceMs;
    private volatile ByteString volumeId;
    private volatile Status ended;
    private volatile boolean givenBack;
    private boolean left; // under the monitor: whether somebody sees to the end of the control connection

    private RemoteVolume(VolumeOptions options, EpollLoop controlLoop) {
        this.options = options;
        log = new VolumeLog(options.volume(), options.session().nodeText(), Clock.SYSTEM, LOG::warn);
        control = new ControlSession(this, controlLoop);
        loopIndexes.set(ControlSession.LOOP_INDEX);
    }

    /**
     * Attaches the volume. Blocks, at most for the attach timeout: not to be called on a loop.
     *
     * @param controlLoop the loop of the control connection; may be a data loop
     * @throws AttachException when the node can't be reached in time or refuses
     */
    public static RemoteVolume open(VolumeOptions options, EpollLoop controlLoop) throws AttachException {
        RemoteVolume volume = new RemoteVolume(options, controlLoop);
        volume.control.attach();
        return volume;
    }

    @Override
    public BlockGeometry geometry() {
        return geometry;
    }

    @Override
    public void onGeometryChange(Runnable listener) {
        geometryListeners.add(listener);
    }

    /** Opens a queue; the loop must be an {@link EpollLoop}. */
    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        loop.assertInLoop();
        int index;
        synchronized (loopIndexes) {
            index = loopIndexes.nextClearBit(0);
            loopIndexes.set(index);
        }
        RemoteQueue queue = new RemoteQueue(this, (EpollLoop) loop, index, completionsEnded);
        queues.add(queue);
        queue.start();
        Status status = ended;
        if (status != null) {
            queue.endAll(status);
        }
        return new RegionSplitter(queue, PARTS_MAX, SEGMENTS_MAX, queue.givingUp()::nowNs);
    }

    @Override
    public void blockStatus(
            long offsetBytes, long lengthBytes, BlockRuns runs, Loop loop, BlockRuns.Listener listener) {
        control.ask(new StatusQueries.Query(offsetBytes, lengthBytes, runs, loop, listener));
    }

    /**
     * Ends the use of the volume and tells the node, whatever that still has to do for it: requests in flight end as soon as
     * that is safe. Also after the loss of writes, which leaves the volume to this host. Blocks for a few seconds at most;
     * {@link #isGivenBack()} has the outcome. Not on a loop.
     */
    @Override
    public void close() {
        endUse(Status.UNAVAILABLE, null);
        if (leave()) {
            givenBack = control.detach();
            control.end();
        }
    }

    /** Returns whether this host does not hold the volume any more: the node has said so, or there was nothing to give back. */
    public boolean isGivenBack() {
        Status status = ended;
        return givenBack
                || status == Status.FENCED
                || status == Status.NOT_FOUND
                || options.mode() == AccessMode.READ_ONLY;
    }

    /** Ends the use of the volume without telling the node: this host goes on holding it, for a successor. Any thread. */
    public void abandon() {
        endUse(Status.UNAVAILABLE, null);
        if (leave()) {
            control.end();
        }
    }

    /** Returns since when this host has held the volume without a break, ms since 1970; 0 for a read-only attachment. */
    public long heldSinceMs() {
        return heldSinceMs;
    }

    /** Returns the number of this attachment; 0 for a read-only one. */
    public long epoch() {
        return epoch;
    }

    /** Returns the volume's id, 16 bytes. */
    public byte[] volumeId() {
        return volumeId.toByteArray();
    }

    /** Returns the boot id that the node told last: another one after each restart of its machine. Any thread. */
    public byte[] nodeBootId() {
        return durability.bootId().toByteArray();
    }

    /** Calls the listener, which must not block, after each restart of the node's machine that has lost nothing; on any loop. */
    public void onNodeRestart(Runnable listener) {
        bootListeners.add(listener);
    }

    /**
     * Says that an earlier process had writes of the volume acknowledged while the node's machine had this boot id. If it has
     * another one now, they may be gone, and the volume ends; else they are as this process's own, until the next flush. To be
     * called before the first request.
     */
    public void continueFrom(byte[] bootIdBefore) {
        if (!durability.inherit(ByteString.copyFrom(bootIdBefore))) {
            lost("the node's machine was restarted meanwhile");
        }
    }

    /** Returns what is counted. */
    public VolumeCounters counters() {
        return counters;
    }

    /** Returns for how long the oldest request has waited for the node, two seconds late at most; 0 if there is none. */
    public long oldestRequestNs() {
        long now = Clock.SYSTEM.nowNs();
        long age = 0;
        for (RemoteQueue queue : queues) {
            long since = queue.givingUp().oldestNs();
            age = since == GivingUp.NOTHING ? age : Math.max(age, now - since);
        }
        return ended == null ? age : 0;
    }

    /** Returns why the volume has ended for this host, or null while it is usable. */
    public Status ended() {
        return ended;
    }

    /** Returns how it was opened. */
    public VolumeOptions options() {
        return options;
    }

    VolumeLog log() {
        return log;
    }

    RangeTable ranges() {
        return ranges;
    }

    Durability durability() {
        return durability;
    }

    void closed(RemoteQueue queue, int loopIndex, Durability.Stamp stamp) {
        queues.remove(queue);
        durability.unregister(stamp);
        synchronized (loopIndexes) {
            loopIndexes.clear(loopIndex);
        }
    }

    /** Returns the boot generation of a connection that has just been greeted, or -1 after ending the volume. */
    int greeted(HelloAnswer hello) {
        ByteString before = durability.bootId();
        int generation = durability.greeted(hello.getBootId(), hello.getStartId());
        boolean rebooted = before != null && !before.equals(hello.getBootId());
        if (generation < 0) {
            lost(rebooted ? "the node's machine was restarted" : "the node was restarted after its disk had failed");
        } else if (rebooted) {
            bootListeners.forEach(Runnable::run);
        }
        return generation;
    }

    /** Takes note that the node has answered a write or a flush with an error of its disk, on a connection of this generation. */
    void diskFailed(int generation) {
        if (!durability.diskFailed(generation)) {
            lost("the node was restarted after its disk had failed");
        }
    }

    private void lost(String why) {
        end(Status.LOST_WRITES, why + " and may have lost acknowledged writes");
    }

    Open openMessage(int loopIndex, long previousIncarnation) {
        boolean first = volumeId == null;
        return Open.newBuilder()
                .setVolume(options.volume())
                .setHostId(options.session().hostId())
                .setEpoch(epoch)
                .setMode(first ? options.mode().firstMode() : options.mode().laterMode())
                .setLoop(loopIndex)
                .setPreviousIncarnation(previousIncarnation)
                .setAttempt(attempts.incrementAndGet())
                .build();
    }

    /**
     * Takes the node's answer to an OPEN.
     *
     * @return false when nothing may be sent there: it is not the volume attached
     */
    boolean opened(OpenAnswer answer) {
        if (volumeId == null) {
            volumeId = answer.getVolumeId();
            epoch = answer.getEpoch();
            heldSinceMs = answer.getHeldSinceMs();
        } else if (!volumeId.equals(answer.getVolumeId())) {
            end(Status.NOT_FOUND, "the node has another volume of this name");
            return false;
        } else if (epoch != answer.getEpoch()) {
            end(Status.FENCED, "the node has opened another epoch");
            return false;
        }
        geometryIs(answer.getGeometry());
        return true;
    }

    /** Takes a refusal of a queue's connection; returns whether to go on trying. */
    boolean refused(Refusal refusal) {
        Status status = refusal.status();
        if (status.remedy() == Remedy.RETRY_LATER || status.remedy() == Remedy.CLOSE_CONNECTION) {
            if (!refusal.detail().getMessage().isEmpty()) {
                log.cannotServe(refusal.message());
            }
            return true;
        }
        end(status, refusal.message());
        return false;
    }

    void onEvent(Event event) {
        switch (event.getKind()) {
            case EVENT_KIND_GEOMETRY_CHANGED -> geometryIs(event.getGeometry());
            case EVENT_KIND_FENCED -> end(Status.FENCED, "another attachment has taken the volume");
            default -> LOG.debug("{}: {}", options.volume(), event.getKind());
        }
    }

    private void geometryIs(Geometry told) {
        BlockGeometry fresh;
        try {
            fresh = new BlockGeometry(
                    told.getSizeBytes(),
                    told.getLogicalBlockBytes(),
                    told.getReadOnly() || options.mode() == AccessMode.READ_ONLY);
        } catch (IllegalArgumentException e) {
            LOG.warn("{}: the node tells a geometry that makes no sense: {}", options.volume(), e.getMessage());
            return;
        }
        BlockGeometry before;
        synchronized (this) {
            before = geometry;
            if (before != null && fresh.sizeBytes() < before.sizeBytes()) {
                return; // volumes only grow: an older word, come late on another connection
            }
            geometry = fresh;
        }
        if (before != null && !before.equals(fresh)) {
            geometryListeners.forEach(Runnable::run);
        }
    }

    /** Ends the volume for this host, once; on any thread. */
    void end(Status status, String reason) {
        if (!endUse(status, reason)) {
            return;
        }
        if (status == Status.LOST_WRITES) {
            // The connection itself stays: for the node the volume is this host's until it is told otherwise.
            control.endQueries(status);
        } else if (leave()) {
            control.end();
        }
    }

    /** Returns whether it is for the caller to end the control connection: once. */
    private synchronized boolean leave() {
        boolean first = !left;
        left = true;
        return first;
    }

    /** Ends all but the control connection, on which the node can still be told; returns false if that has been done before. */
    private boolean endUse(Status status, String reason) {
        synchronized (this) {
            if (ended != null) {
                return false;
            }
            ended = status;
        }
        if (reason != null) {
            LOG.error("volume {} fails from now on: {} ({})", options.volume(), status.text(), reason);
        }
        for (RemoteQueue queue : queues) {
            queue.volumeEnded(status);
        }
        return true;
    }
}
