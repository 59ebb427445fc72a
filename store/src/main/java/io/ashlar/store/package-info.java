/**
 * The extent store: volumes in files. Read {@link io.ashlar.store.DataFolder} first, then {@code volume}, then {@code
 * docs/on-disk-format.md}. Owned by no loop. Imports the packages below it, which never import this one. Control plane.
 */
package io.ashlar.store;
