package io.ashlar.server.metrics;

import io.ashlar.base.annotation.ThreadSafe;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;

/** What both daemons say of their own process: garbage collection, safepoints, memory, threads, and what is running. */
@ThreadSafe
public final class ProcessMetrics implements AutoCloseable {
    private final JvmGcMetrics gc = new JvmGcMetrics();

    /** Registers everything; collections are counted from now on. */
    public ProcessMetrics(MeterRegistry registry, String version) {
        gc.bindTo(registry);
        new JvmMemoryMetrics().bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        new FileDescriptorMetrics().bindTo(registry);
        new UptimeMetrics().bindTo(registry);
        Safepoints.find().ifPresent(safepoints -> FunctionCounter.builder(
                        "jvm.safepoint.time", safepoints, Safepoints::totalSeconds)
                .description("Time that all threads of the JVM stood still")
                .baseUnit("seconds")
                .register(registry));
        String kernel = System.getProperty("os.version");
        Gauge.builder("ashlar.build.info", () -> 1)
                .description("What is running")
                .tags("version", version, "java", System.getProperty("java.version"), "kernel", kernel)
                .register(registry);
    }

    @Override
    public void close() {
        gc.close();
    }
}
