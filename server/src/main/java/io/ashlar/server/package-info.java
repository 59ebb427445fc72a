/**
 * The storage node: wires store, registry, block service and HTTP together. Read {@link io.ashlar.server.StorageNode}
 * first, then {@code session}. Owned by the thread that starts and stops it. Imports the packages below it, which never
 * import this one. Control plane.
 */
package io.ashlar.server;
