package io.ashlar.base.status;

/** What a caller can do about a {@link Status}; retry logic switches over this and never over messages. */
public enum Remedy {
    /** Nothing to mend. */
    NONE,
    /** The request is wrong and stays wrong: fix it. */
    FIX_REQUEST,
    /** The same request may succeed later, or at another node. */
    RETRY_LATER,
    /** The writer has lost its right for good: stop. */
    STOP_WRITING,
    /** The medium failed: report it upwards, the volume is degraded. */
    REPORT,
    /** The peer broke the protocol: close the connection. */
    CLOSE_CONNECTION
}
