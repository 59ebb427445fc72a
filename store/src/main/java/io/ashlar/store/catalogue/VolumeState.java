package io.ashlar.store.catalogue;

/**
 * Where a volume is in its life. The files of a volume are made and removed between two durable entries, so that a crash
 * in between is seen at the next start and nothing is removed that the catalogue does not name.
 */
public enum VolumeState {
    /** Its files are being made; at start: removed, as its creation was never acknowledged. */
    CREATING(1),
    /** In service. */
    LIVE(2),
    /** Its files are being removed; at start: the removal goes on. */
    DELETING(3);

    private final int code;

    VolumeState(int code) {
        this.code = code;
    }

    /** Returns the number in the file. */
    int code() {
        return code;
    }

    /** Returns the state with this number, or null. */
    static VolumeState ofCode(int code) {
        for (VolumeState state : values()) {
            if (state.code == code) {
                return state;
            }
        }
        return null;
    }
}
