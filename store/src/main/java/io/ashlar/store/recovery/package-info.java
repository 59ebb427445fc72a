/**
 * What a block holds after a crash. Read {@link io.ashlar.store.recovery.RegionSettler} first. Runs on pool threads.
 * Imports {@code extent}, {@code file}, {@code format}, {@code meter} and base. Control plane.
 */
package io.ashlar.store.recovery;
