package io.ashlar.server.metrics;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Opcode;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/**
 * The node's metrics as Prometheus' text ({@code docs/operations.md} has the table). Nothing is counted here: each
 * scrape adds up the loops' counters. Adding up costs some ten thousand reads, at the pace of scrapes.
 */
@ThreadSafe
public final class NodeMetrics implements AutoCloseable {
    private static final String PREFIX = "ashlar.node.";

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final JvmGcMetrics gc = new JvmGcMetrics();
    private final List<LoopCounters> loops;

    /** Registers everything; the suppliers are called at each scrape, on the scraper's thread. */
    public NodeMetrics(List<LoopCounters> loops, Supplier<StoreFigures> store, String version) {
        this.loops = List.copyOf(loops);
        registerRequests();
        registerEvents();
        registerStore(store);
        registerJvm();
        String kernel = System.getProperty("os.version");
        Gauge.builder("ashlar.build.info", () -> 1)
                .description("What is running")
                .tags("version", version, "java", System.getProperty("java.version"), "kernel", kernel)
                .register(registry);
    }

    private void registerRequests() {
        for (Opcode opcode : Opcode.values()) {
            String operation = opcode.name().toLowerCase(Locale.ROOT);
            for (Status status : Status.values()) {
                String outcome = status.name().toLowerCase(Locale.ROOT);
                counter(
                                "requests",
                                Tags.of("operation", operation, "status", outcome),
                                loop -> loop.answers(opcode, status))
                        .description("Requests answered")
                        .register(registry);
            }
        }
        for (Opcode opcode : List.of(Opcode.READ, Opcode.WRITE, Opcode.WRITE_ZEROES, Opcode.DISCARD)) {
            Tags tags = Tags.of("operation", opcode.name().toLowerCase(Locale.ROOT));
            counter("data", tags, loop -> loop.bytes(opcode))
                    .description("Bytes of volumes read, written, zeroed, discarded")
                    .baseUnit("bytes")
                    .register(registry);
        }
        registry.getPrometheusRegistry().register(new LatencyCollector(loops));
    }

    private void registerEvents() {
        for (NodeEvent event : NodeEvent.values()) {
            if (event.isLevel()) {
                Gauge.builder(PREFIX + event.metric(), loops, sum(loop -> loop.count(event)))
                        .description(event.help())
                        .register(registry);
            } else {
                counter(event.metric(), Tags.empty(), loop -> loop.count(event))
                        .description(event.help())
                        .register(registry);
            }
        }
    }

    private void registerStore(Supplier<StoreFigures> store) {
        gauge("volumes", store, StoreFigures::volumes, "Volumes in service");
        gauge("attachments", store, StoreFigures::attachments, "Volumes that some host holds for writing");
        gauge("stored.bytes", store, StoreFigures::storedBytes, "Bytes on the disk that the volumes take");
        gauge("capacity.bytes", store, StoreFigures::capacityBytes, "Size of the data folder's file system");
        gauge("free.bytes", store, StoreFigures::freeBytes, "Bytes left on the data folder's file system");
    }

    private void gauge(
            String name, Supplier<StoreFigures> store, ToLongFunction<StoreFigures> figure, String description) {
        Gauge.builder(PREFIX + name, store, s -> figure.applyAsLong(s.get()))
                .description(description)
                .register(registry);
    }

    private void registerJvm() {
        MeterRegistry target = registry;
        gc.bindTo(target);
        new JvmMemoryMetrics().bindTo(target);
        new JvmThreadMetrics().bindTo(target);
        new ProcessorMetrics().bindTo(target);
        new FileDescriptorMetrics().bindTo(target);
        new UptimeMetrics().bindTo(target);
        Safepoints.find().ifPresent(safepoints -> FunctionCounter.builder(
                        "jvm.safepoint.time", safepoints, Safepoints::totalSeconds)
                .description("Time that all threads of the JVM stood still")
                .baseUnit("seconds")
                .register(target));
    }

    private FunctionCounter.Builder<List<LoopCounters>> counter(
            String name, Tags tags, ToLongFunction<LoopCounters> figure) {
        return FunctionCounter.builder(PREFIX + name, loops, sum(figure)).tags(tags);
    }

    private static ToDoubleFunction<List<LoopCounters>> sum(ToLongFunction<LoopCounters> figure) {
        return all -> {
            long sum = 0;
            for (LoopCounters loop : all) {
                sum += figure.applyAsLong(loop);
            }
            return sum;
        };
    }

    /** Returns all metrics in Prometheus' text format. */
    public String text() {
        return registry.scrape();
    }

    @Override
    public void close() {
        gc.close();
        registry.close();
    }
}
