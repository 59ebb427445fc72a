package io.ashlar.server.metrics;

import io.ashlar.base.annotation.ThreadSafe;
import java.lang.reflect.Method;
import java.util.Optional;

/**
 * The JVM's own sum of the time that its threads stood still. It is behind a package that the JDK does not export: the
 * launcher says {@code --add-exports java.management/sun.management=ALL-UNNAMED}; without it there is no such metric.
 */
@ThreadSafe
final class Safepoints {
    private static final double MS_PER_SECOND = 1e3;

    private final Object runtime;
    private final Method totalTimeMs;

    private Safepoints(Object runtime, Method totalTimeMs) {
        this.runtime = runtime;
        this.totalTimeMs = totalTimeMs;
    }

    static Optional<Safepoints> find() {
        try {
            Object runtime = Class.forName("sun.management.ManagementFactoryHelper")
                    .getMethod("getHotspotRuntimeMBean")
                    .invoke(null);
            Method method = Class.forName("sun.management.HotspotRuntimeMBean").getMethod("getTotalSafepointTime");
            method.invoke(runtime);
            return Optional.of(new Safepoints(runtime, method));
        } catch (ReflectiveOperationException | RuntimeException e) {
            return Optional.empty();
        }
    }

    double totalSeconds() {
        try {
            return ((Number) totalTimeMs.invoke(runtime)).doubleValue() / MS_PER_SECOND;
        } catch (ReflectiveOperationException e) {
            return Double.NaN;
        }
    }
}
