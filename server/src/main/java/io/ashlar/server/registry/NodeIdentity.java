package io.ashlar.server.registry;

import java.util.UUID;

/**
 * Which node this is, and which run of it.
 *
 * @param nodeUuid of the data folder, for ever
 * @param bootId of the machine's kernel: another one means that the page cache, and unflushed writes in it, are gone
 * @param startId of this process: another one with the same boot id means that nothing is lost
 * @param software for people: {@code ashlar/0.1.0}
 * @param startedMs wall clock, milliseconds since 1970
 */
public record NodeIdentity(UUID nodeUuid, UUID bootId, UUID startId, String software, long startedMs) {}
