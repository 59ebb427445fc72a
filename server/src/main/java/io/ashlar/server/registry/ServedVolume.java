package io.ashlar.server.registry;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.store.file.StoreException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * A volume in service: its files, opened when first wanted, and the uses of it. Not its catalogue entry. Files that could
 * not be opened are left alone for a while: on a bad disk a try takes seconds, in which nobody else is served.
 */
@ConfinedTo(LoopKind.POOL)
final class ServedVolume {
    /** Least time between two tries to open the files. */
    private static final long PAUSE_NS = TimeUnit.SECONDS.toNanos(5);
    /** And how many times as long as the try took, so that tries leave most of the thread's time to others. */
    private static final int PAUSE_PER_TRY = 10;

    private final UUID uuid;
    private final List<UseTicket> tickets = new ArrayList<>();
    private BlockDevice device;
    private StoreException failure;
    private long retryNs;

    ServedVolume(UUID uuid) {
        this.uuid = uuid;
    }

    UUID uuid() {
        return uuid;
    }

    List<UseTicket> tickets() {
        return tickets;
    }

    BlockDevice device() {
        return device;
    }

    void device(BlockDevice newDevice) {
        device = newDevice;
        failure = null;
    }

    /** Returns why the files could not be opened when they were last tried, or null. */
    StoreException failure() {
        return failure;
    }

    /** Returns why the files can't be opened, as long as that is fresh; null when they may be tried. */
    StoreException freshFailure(long nowNs) {
        return failure != null && nowNs - retryNs < 0 ? failure : null;
    }

    /** Takes note that the files could not be opened, in a try that began and ended then. */
    void failed(StoreException why, long beganNs, long endedNs) {
        failure = why;
        retryNs = endedNs + Math.max(PAUSE_NS, PAUSE_PER_TRY * (endedNs - beganNs));
    }
}
