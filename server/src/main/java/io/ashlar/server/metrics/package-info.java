/**
 * What a node counts. Read {@link io.ashlar.server.metrics.LoopCounters} first: each data loop writes its own, the
 * scraper reads them all. Counting is data plane (no lock, no allocation); {@link
 * io.ashlar.server.metrics.NodeMetrics}, which turns the sums into Prometheus' text, is control plane. It and its
 * helpers, which the bridge's metrics use too, import Micrometer.
 */
package io.ashlar.server.metrics;
