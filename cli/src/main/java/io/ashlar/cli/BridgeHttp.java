package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.cli.metrics.BridgeMetrics;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.http.HttpEndpoint;
import io.ashlar.vduse.agent.VolumeFigures;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/**
 * The bridge's HTTP port and its options; mixed in. Disks come before metrics: a port that can't be had is a warning, and
 * metrics are set up once the bridge serves.
 */
@ConfinedTo(LoopKind.OWNER)
final class BridgeHttp implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BridgeHttp.class);
    private static final String OFF = "off";

    @Option(
            names = "--http",
            paramLabel = "HOST:PORT",
            defaultValue = "127.0.0.1:7442",
            description = "Where /metrics and /healthz are, or 'off' (default: ${DEFAULT-VALUE}).")
    private String http;

    @Option(
            names = "--insecure-listen",
            description =
                    "Allow an address for --http that other hosts can reach: names and load of the volumes are told"
                            + " to everyone there.")
    private boolean insecureListen;

    private final CompletableFuture<BridgeMetrics> metrics = new CompletableFuture<>();
    private HttpEndpoint endpoint;

    /** Returns the address to listen on, or null; a {@link Failure} says what is wrong with it. */
    InetSocketAddress address() {
        if (http.equals(OFF)) {
            return null;
        }
        InetSocketAddress address;
        try {
            address = ListenAddress.parse(http).resolve();
        } catch (IllegalArgumentException e) {
            throw Failure.failed("--http: " + e.getMessage(), e);
        }
        if (!insecureListen && !address.getAddress().isLoopbackAddress()) {
            throw Failure.failed("--http " + http + " can be reached from other hosts, which are told names and load of"
                    + " the volumes; say --insecure-listen if that is meant");
        }
        return address;
    }

    /**
     * Starts to listen. Returns where, or an empty text.
     *
     * @param ailment why the bridge is not well, or an empty text
     */
    String listen(Supplier<String> ailment) {
        InetSocketAddress address = address();
        if (address == null) {
            return "";
        }
        try {
            endpoint = HttpEndpoint.start(address, () -> metrics.join().text(), ailment);
        } catch (IOException e) {
            LOG.warn("no metrics: can't listen on {} ({})", http, e.getMessage());
            return "";
        }
        return Addresses.text(endpoint.address());
    }

    /** Sets the metrics up; scrapers that come before wait. */
    void measure(Supplier<List<VolumeFigures>> volumes) {
        if (endpoint != null) {
            metrics.complete(new BridgeMetrics(volumes, "ashlar/" + Version.number()));
        }
    }

    @Override
    public void close() {
        if (endpoint != null) {
            endpoint.close();
            if (metrics.isDone()) {
                metrics.join().close();
            }
        }
    }
}
