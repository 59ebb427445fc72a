/**
 * Measures the store on a real file system. Read {@link io.ashlar.bench.store.FlushLatency} first. One thread, which may
 * block; imports {@code base} and {@code store}. Neither data plane nor control plane: a measurement.
 */
package io.ashlar.bench.store;
