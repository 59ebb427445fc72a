package io.ashlar.base.time;

/**
 * Time as a dependency, so that a simulation can turn it. Deadlines use {@link #nowNs()} only: a step of the wall clock
 * changes nothing.
 */
public interface Clock {
    /** The machine's clocks. */
    Clock SYSTEM = new SystemClock();

    /** Returns a monotonic time in nanoseconds, from an arbitrary origin; compare by subtraction. */
    long nowNs();

    /** Returns the wall clock in milliseconds since 1970, for people and records only. */
    long wallMs();
}
