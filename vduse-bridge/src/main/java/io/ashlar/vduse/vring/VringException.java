package io.ashlar.vduse.vring;

import io.ashlar.base.annotation.ThreadSafe;

/** A virtqueue can't be set up where its driver says it is. */
@ThreadSafe
public final class VringException extends Exception {
    private static final long serialVersionUID = 1L;

    private final VringFault fault;

    /** Creates the exception. */
    public VringException(VringFault fault, String detail) {
        super(fault.text() + ": " + detail);
        this.fault = fault;
    }

    /** Returns what is wrong. */
    public VringFault fault() {
        return fault;
    }
}
