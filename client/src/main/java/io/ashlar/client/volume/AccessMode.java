package io.ashlar.client.volume;

import io.ashlar.protocol.message.OpenMode;

/** What a host wants with a volume. */
public enum AccessMode {
    /** To be its one writer, unless another host is. */
    READ_WRITE(OpenMode.OPEN_MODE_READ_WRITE),
    /** To read it. */
    READ_ONLY(OpenMode.OPEN_MODE_READ_ONLY),
    /** To be its one writer, fencing whoever is. */
    STEAL(OpenMode.OPEN_MODE_STEAL);

    private final OpenMode wireMode;

    AccessMode(OpenMode wireMode) {
        this.wireMode = wireMode;
    }

    /** Returns the mode of the OPEN that begins the attachment. */
    OpenMode firstMode() {
        return wireMode;
    }

    /** Returns the mode of every later OPEN: what was stolen once is held. */
    OpenMode laterMode() {
        return this == STEAL ? OpenMode.OPEN_MODE_READ_WRITE : wireMode;
    }
}
