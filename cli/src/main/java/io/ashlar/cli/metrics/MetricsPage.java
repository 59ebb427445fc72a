package io.ashlar.cli.metrics;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.server.metrics.ProcessMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.model.registry.MultiCollector;

/** The text of {@code /metrics}: those of the process, and what a collector adds up at each scrape. */
@ThreadSafe
public final class MetricsPage implements AutoCloseable {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final ProcessMetrics process;

    /** Registers everything; the collector runs on the scrapers' threads. */
    MetricsPage(MultiCollector collector, String version) {
        process = new ProcessMetrics(registry, version);
        registry.getPrometheusRegistry().register(collector);
    }

    /** Returns all metrics in Prometheus' text format. */
    public String text() {
        return registry.scrape();
    }

    @Override
    public void close() {
        process.close();
        registry.close();
    }
}
