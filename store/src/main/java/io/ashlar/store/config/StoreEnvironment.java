package io.ashlar.store.config;

import io.ashlar.base.time.RandomSource;
import java.util.UUID;
import java.util.concurrent.Executor;

/**
 * What the process lends to the store.
 *
 * @param ioPool runs what may block (cold reads, first allocation, syncs); several threads, unbounded queue
 * @param random source of UUIDs
 * @param bootId the machine's boot id ({@code /proc/sys/kernel/random/boot_id}): another one means that the page cache,
 *     and with it every unflushed write, is gone
 * @param timer wakes the store while there is something to be done in the background
 */
public record StoreEnvironment(Executor ioPool, RandomSource random, UUID bootId, StoreTimer timer) {
    /** One that does nothing in the background: for tools, and for tests that don't want it. */
    public StoreEnvironment(Executor ioPool, RandomSource random, UUID bootId) {
        this(ioPool, random, bootId, StoreTimer.NONE);
    }
}
