package io.ashlar.base.time;

import com.google.errorprone.annotations.Immutable;

/** The machine's monotonic and wall clocks. */
@Immutable
final class SystemClock implements Clock {
    @Override
    public long nowNs() {
        return System.nanoTime();
    }

    @Override
    public long wallMs() {
        return System.currentTimeMillis();
    }
}
