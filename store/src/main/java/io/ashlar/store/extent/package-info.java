/**
 * Extents: their files, the maps of their regions in memory, their syncs. Read {@link io.ashlar.store.extent.Extent} first.
 * Shared by all loops and pool threads. Imports {@code file}, {@code format}, {@code latch}, {@code meter} and base. Data
 * plane but for {@code ExtentTable}'s opening and creating.
 */
package io.ashlar.store.extent;
