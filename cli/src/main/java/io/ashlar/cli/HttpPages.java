package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.cli.metrics.MetricsPage;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.http.HttpEndpoint;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The HTTP port of a daemon that serves disks, which come before metrics: a port that can't be had is a warning, and
 * metrics are set up once the daemon serves.
 */
@ConfinedTo(LoopKind.OWNER)
final class HttpPages implements AutoCloseable {
    /** Instead of an address. */
    static final String OFF = "off";

    private static final Logger LOG = LoggerFactory.getLogger(HttpPages.class);

    private final InetSocketAddress wanted;
    private final CompletableFuture<MetricsPage> metrics = new CompletableFuture<>();
    private HttpEndpoint endpoint;

    /** Prepares to listen at what {@link #address} returned. */
    HttpPages(InetSocketAddress wanted) {
        this.wanted = wanted;
    }

    /** Returns the address to listen on, or null; a {@link Failure} says what is wrong with it. */
    static InetSocketAddress address(String http, boolean insecureListen) {
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
     * @param ailment why the daemon is not well, or an empty text
     */
    String listen(Supplier<String> ailment) {
        if (wanted == null) {
            return "";
        }
        try {
            endpoint = HttpEndpoint.start(
                    wanted, () -> metrics.join().text(), () -> HttpEndpoint.Health.of(ailment.get()));
        } catch (IOException e) {
            LOG.warn("no metrics: can't listen on {} ({})", Addresses.text(wanted), e.getMessage());
            return "";
        }
        return Addresses.text(endpoint.address());
    }

    /** Sets the metrics up; scrapers that come before wait. */
    void measure(Supplier<MetricsPage> page) {
        if (endpoint != null) {
            metrics.complete(page.get());
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
