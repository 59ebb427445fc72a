package io.ashlar.base.seed;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * The chance of all random tests of a process: another one in each run, told when a test fails, and given back with
 * {@code -Dashlar.seed=N}. Registered for every test of every module ({@code META-INF/services} of this test jar).
 */
public final class TestSeed implements TestWatcher {
    private static final long SEED = Long.getLong("ashlar.seed", System.nanoTime());
    private static volatile boolean used;

    /** Returns the seed. */
    public static long get() {
        used = true;
        return SEED;
    }

    @Override
    public void testFailed(ExtensionContext context, Throwable cause) {
        // A test that goes through many seeds names the one that failed.
        if (used && !String.valueOf(cause.getMessage()).contains("-Dashlar.seed=")) {
            System.out.println("random tests of this run are repeated with -Dashlar.seed=" + SEED);
        }
    }
}
