package io.ashlar.server.http;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.ashlar.base.annotation.ThreadSafe;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/**
 * Answers {@code GET /metrics} with Prometheus' text and {@code GET /healthz} with how the node is, and 503 if it can't
 * serve.
 * The JDK's server, with few threads and short limits: it serves scrapers and probes, nothing else.
 */
@ThreadSafe
public final class HttpEndpoint implements AutoCloseable {
    /** Scraper, probe, a person, and one to spare. */
    private static final int THREADS = 4;
    /** Seconds that a request may take to arrive, and an answer to be taken. */
    private static final String SECONDS_MAX = "10";
    /** How often the JDK looks for such; a second if nothing is said, which is most of what an idle daemon does. */
    private static final String LOOK_MS = "10000";

    /**
     * How the node is.
     *
     * @param serves whether it serves as a whole, be it that single volumes are not well
     * @param text for people
     */
    public record Health(boolean serves, String text) {
        /** Returns what is told of a daemon that does not serve for that reason, or is well where there is none. */
        public static Health of(String ailment) {
            return new Health(ailment.isEmpty(), ailment.isEmpty() ? "ok" : ailment);
        }
    }

    private final HttpServer server;
    private final ExecutorService threads;

    private HttpEndpoint(HttpServer server, ExecutorService threads) {
        this.server = server;
        this.threads = threads;
    }

    /**
     * Starts listening.
     *
     * @param metrics the text of {@code /metrics}
     * @param health how the node is
     * @throws IOException when the address can't be had
     */
    public static HttpEndpoint start(InetSocketAddress address, Supplier<String> metrics, Supplier<Health> health)
            throws IOException {
        setUnlessSet("sun.net.httpserver.maxReqTime", SECONDS_MAX);
        setUnlessSet("sun.net.httpserver.maxRspTime", SECONDS_MAX);
        setUnlessSet("sun.net.httpserver.timerMillis", LOOK_MS);
        HttpServer server = HttpServer.create(address, 0);
        ExecutorService threads = Executors.newFixedThreadPool(THREADS, HttpEndpoint::thread);
        server.setExecutor(threads);
        server.createContext("/metrics", exchange -> {
            if (isPage(exchange, "/metrics")) {
                answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", metrics.get());
            }
        });
        server.createContext("/healthz", exchange -> {
            if (isPage(exchange, "/healthz")) {
                Health found = health.get();
                answer(exchange, found.serves() ? 200 : 503, "text/plain", found.text() + "\n");
            }
        });
        server.createContext("/", exchange -> answer(exchange, 404, "text/plain", "see /metrics and /healthz\n"));
        server.start();
        return new HttpEndpoint(server, threads);
    }

    private static void setUnlessSet(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    private static Thread thread(Runnable task) {
        Thread thread = new Thread(task, "http");
        thread.setDaemon(true);
        return thread;
    }

    private static boolean isPage(HttpExchange exchange, String path) throws IOException {
        if (!exchange.getRequestURI().getPath().equals(path)) {
            answer(exchange, 404, "text/plain", "see /metrics and /healthz\n");
            return false;
        }
        if (!exchange.getRequestMethod().equals("GET")) {
            answer(exchange, 405, "text/plain", "only GET\n");
            return false;
        }
        return true;
    }

    private static void answer(HttpExchange exchange, int code, String type, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(code, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    /** Returns the address listened on, with the port that the kernel chose where 0 was asked for. */
    public InetSocketAddress address() {
        return server.getAddress();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
