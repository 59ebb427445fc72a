/**
 * Volumes read without a running node. Read {@link io.ashlar.store.offline.OfflineVolume} first. Owned by the thread that
 * uses it. Imports {@code extent}, {@code file}, {@code format}, {@code intent} and base. Control plane.
 */
package io.ashlar.store.offline;
