/**
 * Durable marks on regions that a crash can tear. Read {@link io.ashlar.store.intent.IntentTable} first. Asked by loops,
 * works in the pool. Imports {@code extent}, {@code file}, {@code format}, {@code latch}, {@code meter} and base. Data plane
 * for asking whether a region is marked, control plane otherwise.
 */
package io.ashlar.store.intent;
