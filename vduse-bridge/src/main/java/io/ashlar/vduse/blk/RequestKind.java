package io.ashlar.vduse.blk;

/** What a driver asks for, as it is counted. */
public enum RequestKind {
    READ,
    WRITE,
    WRITE_ZEROES,
    DISCARD,
    FLUSH,
    /** GET_ID, and what is not known. */
    OTHER
}
