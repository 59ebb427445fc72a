/**
 * The bytes on disk, as {@code docs/on-disk-format.md} has them. Read {@link io.ashlar.store.format.MapEntry} first, then
 * {@link io.ashlar.store.format.HeaderSlots}. Owned by no loop; imports {@code file} and base. Data plane (map entries)
 * and control plane (headers).
 */
package io.ashlar.store.format;
