package io.ashlar.server.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/** The handles of a connection: handle {@code h} is entry {@code h - 1}, so that 0 is never a volume. */
@ConfinedTo(LoopKind.DATA)
final class VolumeHandles {
    private final int entriesMax;
    private OpenVolume[] entries = new OpenVolume[4];

    VolumeHandles(int entriesMax) {
        this.entriesMax = entriesMax;
    }

    /** Returns the volume that the client means, or null where the client can't know such a handle. */
    OpenVolume find(int handle) {
        OpenVolume volume = handle > 0 && handle <= entries.length ? entries[handle - 1] : null;
        return volume != null && volume.isKnownToClient() ? volume : null;
    }

    /** Enters a volume made for the handle it gets; returns null when there is no room. */
    OpenVolume add(IntFunction<OpenVolume> factory) {
        for (int i = 0; i < entriesMax; i++) {
            if (i == entries.length) {
                entries = Arrays.copyOf(entries, Math.min(2 * entries.length, entriesMax));
            }
            if (entries[i] == null) {
                entries[i] = factory.apply(i + 1);
                return entries[i];
            }
        }
        return null;
    }

    void remove(OpenVolume volume) {
        if (entries[volume.handle() - 1] == volume) {
            entries[volume.handle() - 1] = null;
        }
    }

    void forEach(Consumer<OpenVolume> action) {
        for (OpenVolume volume : entries) {
            if (volume != null) {
                action.accept(volume);
            }
        }
    }
}
