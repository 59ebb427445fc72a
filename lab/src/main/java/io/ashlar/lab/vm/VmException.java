package io.ashlar.lab.vm;

/** The virtual machine could not be started or ended without the command's exit code: a panic, a timeout, no boot. */
public final class VmException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The reason that {@code lab/vm/run} gave, in one line. */
    public VmException(String message) {
        super(message);
    }
}
