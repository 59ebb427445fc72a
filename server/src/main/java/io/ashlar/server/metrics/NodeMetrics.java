package io.ashlar.server.metrics;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.store.meter.StoreCounters;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.LongAdder;
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
    private final ProcessMetrics process;
    private final List<LoopCounters> loops;
    private final Supplier<StoreFigures> store;
    private volatile StoreFigures figures = StoreFigures.NONE;

    /** Registers everything; the supplier is called once a scrape, on the scraper's thread. */
    public NodeMetrics(
            List<LoopCounters> loops, Supplier<StoreFigures> store, StoreCounters storeCounters, String version) {
        this.loops = List.copyOf(loops);
        this.store = store;
        registerRequests();
        registerEvents();
        registerStore();
        registerStoreCounters(storeCounters);
        process = new ProcessMetrics(registry, version);
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

    private void registerStoreCounters(StoreCounters counters) {
        storeCounter("hand.offs", counters.handOffs(), "Requests, or parts of them, that left their loop for the pool");
        storeCounter("parked", counters.parked(), "Requests that waited for an overlapping one");
        storeCounter("file.syncs", counters.fileSyncs(), "Syncs of extents");
        storeCounter("intent.syncs", counters.intentSyncs(), "Syncs that made write intents durable");
        storeCounter("sync.failures", counters.syncFailures(), "Syncs that failed, each until the next start");
        storeCounter("regions.recovered", counters.regionsRecovered(), "Regions settled after an unclean stop");
        storeCounter("torn.blocks", counters.tornBlocks(), "Blocks that recovery took as they lay");
        storeCounter(
                "previous.blocks", counters.previousBlocks(), "Blocks that recovery found without their last write");
        storeCounter("unreadable.blocks", counters.unreadableBlocks(), "Blocks that recovery couldn't read, and left");
        storeCounter("corrupt.blocks", counters.corruptBlocks(), "Blocks answered as corrupt");
    }

    private void storeCounter(String name, LongAdder adder, String description) {
        FunctionCounter.builder("ashlar.store." + name, adder, LongAdder::sum)
                .description(description)
                .register(registry);
    }

    private void registerStore() {
        gauge("volumes", StoreFigures::volumes, "Volumes in service");
        gauge("attachments", StoreFigures::attachments, "Volumes that some host holds for writing");
        gauge("volumes.settling", StoreFigures::settling, "Volumes that settle what a crash left marked");
        gauge(
                "volumes.degraded",
                StoreFigures::degraded,
                "Volumes that are open and answer errors, in part or to writes");
        gauge("volumes.unopenable", StoreFigures::unopenable, "Volumes that can't be opened");
        gauge("stored.bytes", StoreFigures::storedBytes, "Bytes on the disk that the volumes take");
        gauge("capacity.bytes", StoreFigures::capacityBytes, "Size of the data folder's file system");
        gauge("free.bytes", StoreFigures::freeBytes, "Bytes left on the data folder's file system");
    }

    private void gauge(String name, ToLongFunction<StoreFigures> figure, String description) {
        Gauge.builder(PREFIX + name, () -> figure.applyAsLong(figures))
                .description(description)
                .register(registry);
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
        figures = store.get();
        return registry.scrape();
    }

    @Override
    public void close() {
        process.close();
        registry.close();
    }
}
