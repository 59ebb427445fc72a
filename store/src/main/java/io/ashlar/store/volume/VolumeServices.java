package io.ashlar.store.volume;

import io.ashlar.store.config.StoreConfig;
import io.ashlar.store.config.StoreTimer;
import io.ashlar.store.extent.IoContexts;
import io.ashlar.store.file.CachedReads;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.meter.StoreCounters;
import java.util.concurrent.Executor;

/**
 * What the data folder lends to its volumes.
 *
 * @param io the file system
 * @param config the settings
 * @param pool runs what may block
 * @param timer wakes volumes that have something to do in the background
 * @param contexts scratch memory of pool threads
 * @param reads how loops read
 * @param counters what is counted
 */
public record VolumeServices(
        StorageIo io,
        StoreConfig config,
        Executor pool,
        StoreTimer timer,
        IoContexts contexts,
        CachedReads reads,
        StoreCounters counters) {}
