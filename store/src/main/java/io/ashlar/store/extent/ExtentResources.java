package io.ashlar.store.extent;

import io.ashlar.store.file.CachedReads;
import io.ashlar.store.meter.StoreCounters;
import java.util.concurrent.Executor;

/**
 * What the extents of a volume share.
 *
 * @param pool runs what may block
 * @param reads how loops read
 * @param cache bounds the maps in memory
 * @param counters what is counted
 * @param failures told once for each extent that fails
 */
public record ExtentResources(
        Executor pool, CachedReads reads, MapCache cache, StoreCounters counters, FailureListener failures) {
    /** Takes the news of a failed extent, on any thread. */
    @FunctionalInterface
    public interface FailureListener {
        /** Called with one line for people. */
        void onFailure(String what);
    }
}
