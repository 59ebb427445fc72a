package io.ashlar.cli;

import java.io.PrintWriter;

/** A command that can't do what was asked: the message is the one line that the user reads. */
final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Refused or failed. */
    static final int FAILED = 1;
    /** The server or the bridge can't be reached. */
    static final int UNREACHABLE = 3;

    private final int exitCode;

    private Failure(int exitCode, String message, Throwable cause) {
        super(message, cause);
        this.exitCode = exitCode;
    }

    static Failure failed(String message) {
        return new Failure(FAILED, message, null);
    }

    static Failure failed(String message, Throwable cause) {
        return new Failure(FAILED, message, cause);
    }

    static Failure unreachable(String message, Throwable cause) {
        return new Failure(UNREACHABLE, message, cause);
    }

    /** Prints one line for a failure; an unexpected one names its class, and its trace follows with ASHLAR_DEBUG. */
    static int report(Throwable e, PrintWriter err) {
        boolean expected = e instanceof Failure;
        String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        err.println("ashlar: " + (expected ? "" : "unexpected " + e.getClass().getSimpleName() + ": ")
                + message.replaceAll("\\s*\\R\\s*", " "));
        if (System.getenv("ASHLAR_DEBUG") != null) {
            e.printStackTrace(err);
        }
        return e instanceof Failure failure ? failure.exitCode : FAILED;
    }
}
