package io.ashlar.server.registry;

import java.util.List;

/**
 * What is the matter with single volumes: nothing that a restart of the node is due for, which would end the others too.
 *
 * @param unopenable volumes whose files could not be opened when they were last tried
 * @param degraded volumes that are open and answer errors, in part or to all but reads
 * @param lines which and why, in the order of their names
 */
public record VolumeAilments(int unopenable, int degraded, List<String> lines) {
    /** All volumes are well, as far as anybody knows. */
    public static final VolumeAilments NONE = new VolumeAilments(0, 0, List.of());

    /** Copies the lines. */
    public VolumeAilments {
        lines = List.copyOf(lines);
    }
}
