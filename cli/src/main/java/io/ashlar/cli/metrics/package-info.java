/**
 * What the bridge tells of its volumes at {@code /metrics} and {@code /healthz}: it is here because only here bridge and
 * client are known at once. Read {@link io.ashlar.cli.metrics.BridgeMetrics} first. Runs on the threads of the HTTP
 * endpoint. Imports {@code vduse}, {@code client}, {@code server.metrics} and Micrometer. Control plane.
 */
package io.ashlar.cli.metrics;
