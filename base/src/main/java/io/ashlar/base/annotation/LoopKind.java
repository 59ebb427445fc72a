package io.ashlar.base.annotation;

/** The kinds of thread that may own a confined object; {@code docs/threading.md} says what each may do. */
public enum LoopKind {
    /** A data loop: one pinned event loop per CPU. Never blocks, never allocates per request. */
    DATA,
    /** A control loop: kernel control messages, sockets of the control plane. Never waits for storage. */
    CONTROL,
    /** A thread of an I/O pool: may block on the disk. */
    POOL,
    /** The thread that created the object, usually {@code main} or a test. */
    OWNER
}
