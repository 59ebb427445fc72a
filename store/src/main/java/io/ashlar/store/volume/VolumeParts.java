package io.ashlar.store.volume;

import io.ashlar.store.extent.ExtentTable;
import io.ashlar.store.extent.IoContexts;
import io.ashlar.store.file.CachedReads;
import io.ashlar.store.format.ExtentShape;
import io.ashlar.store.intent.IntentTable;
import io.ashlar.store.latch.RangeLatch;
import io.ashlar.store.meter.StoreCounters;
import io.ashlar.store.recovery.RegionSettler;
import java.util.concurrent.Executor;

/** What the queues and paths of an open volume share. */
record VolumeParts(
        ExtentShape shape,
        RangeLatch latch,
        ExtentTable extents,
        IntentTable intents,
        UnflushedBytes unflushed,
        RegionSettler settler,
        Executor pool,
        VolumeServices services) {

    StoreCounters counters() {
        return services.counters();
    }

    IoContexts contexts() {
        return services.contexts();
    }

    CachedReads reads() {
        return services.reads();
    }
}
