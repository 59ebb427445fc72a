package io.ashlar.store.offline;

/** What an offline reader makes of a block. */
public enum BlockVerdict {
    /** Never written, zeroed or discarded. */
    EMPTY(true, "empty"),
    /** Data that matches its checksum. */
    SOUND(true, "sound"),
    /** In a region marked by an unclean stop: matches what the block held before. */
    PREVIOUS(true, "holds its previous version; the next start settles it"),
    /** In a region marked by an unclean stop: matches neither version. */
    TORN(true, "torn by a crash; the next start takes it as it lies"),
    /** Data that does not match its checksum. */
    CORRUPT(false, "data does not match its checksum"),
    /** The map entry is damaged. */
    ENTRY_DAMAGED(false, "map entry is damaged"),
    /** The file could not be read. */
    UNREADABLE(false, "can't be read");

    private final boolean acceptable;
    private final String text;

    BlockVerdict(boolean acceptable, String text) {
        this.acceptable = acceptable;
        this.text = text;
    }

    /** Returns whether this can be after a crash of a sound disk. */
    public boolean isAcceptable() {
        return acceptable;
    }

    /** Returns a few words for people. */
    public String text() {
        return text;
    }
}
