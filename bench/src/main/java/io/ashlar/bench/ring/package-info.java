/**
 * What the virtqueue engine costs by itself, without kernel, network or storage. Read
 * {@link io.ashlar.bench.ring.VirtqueueBenchmark} first. Owned by the benchmark's thread; imports {@code vduse} and {@code base}.
 * Not part of the product.
 */
package io.ashlar.bench.ring;
