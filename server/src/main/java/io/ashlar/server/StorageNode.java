package io.ashlar.server;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.time.Clock;
import io.ashlar.base.time.RandomSource;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.MemoryBudget;
import io.ashlar.server.config.ServerConfig;
import io.ashlar.server.http.HttpEndpoint;
import io.ashlar.server.metrics.LoopCounters;
import io.ashlar.server.metrics.NodeMetrics;
import io.ashlar.server.registry.NodeIdentity;
import io.ashlar.server.registry.VolumeRegistry;
import io.ashlar.server.session.BlockService;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running storage node. {@link #start} either returns one that serves, or gives back everything it had taken and says
 * in one line why not.
 */
@ThreadSafe
public final class StorageNode implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StorageNode.class);
    private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
    /** Of the 30 seconds that stopping may take: to answer what is under way, and as much again to be rid of the rest. */
    private static final long ANSWERS_MS = 4_000;
    /** And to flush, and clear the write intents. */
    private static final long FLUSH_MS = 20_000;
    /** A scrape does not wait longer for the registry. */
    private static final long FIGURES_MS = 1_000;

    private final NodeStorage storage;
    private final MemoryBudget budget;
    private final VolumeRegistry registry;
    private final EpollLoops loops;
    private final BlockService service;
    private final NodeMetrics metrics;
    private final NodeHealth health;
    private final AtomicBoolean stopped = new AtomicBoolean();
    private HttpEndpoint http;

    private StorageNode(NodeStorage storage, UUID bootId, MemoryBudget budget) {
        this.storage = storage;
        this.budget = budget;
        Clock clock = Clock.SYSTEM;
        AtomicInteger connectionCount = new AtomicInteger();
        NodeIdentity node = new NodeIdentity(
                storage.files().nodeUuid(), bootId, RandomSource.SECURE.nextUuid(), software(), clock.wallMs());
        registry = new VolumeRegistry(storage.catalogue(), storage.files(), node, connectionCount::get, clock);
        loops = EpollLoops.pinned("data", EpollLoops.allowedCpus());
        List<LoopCounters> counters =
                loops.all().stream().map(loop -> new LoopCounters()).toList();
        service = new BlockService(loops.all(), counters, budget, connectionCount, node, registry);
        metrics = new NodeMetrics(
                counters, () -> registry.figures(FIGURES_MS), storage.files().counters(), node.software());
        health = new NodeHealth(clock, loops.all(), registry);
    }

    /**
     * Starts a node: opens the data folder, mends what a crash left, listens.
     *
     * @throws IOException in one line: the folder is locked or damaged, an address can't be had
     * @throws IllegalArgumentException in one line: the JVM has too little memory for the limits
     */
    public static StorageNode start(ServerConfig config) throws IOException {
        UUID bootId = bootId();
        int loopCount = EpollLoops.allowedCpus().cardinality();
        MemoryBudget budget =
                MemoryBudget.divide(PlatformDependent.estimateMaxDirectMemory(), config.limits(), loopCount);
        return start(config, NodeStorage.open(config, bootId), bootId, budget);
    }

    /** Starts a node on storage of the caller's, which it takes over. */
    static StorageNode start(ServerConfig config, NodeStorage storage, UUID bootId, MemoryBudget budget)
            throws IOException {
        StorageNode node = new StorageNode(storage, bootId, budget);
        try {
            node.listen(config);
        } catch (IOException | RuntimeException e) {
            node.close();
            throw e;
        }
        return node;
    }

    private void listen(ServerConfig config) throws IOException {
        registry.start();
        try {
            http = HttpEndpoint.start(config.http().resolve(), metrics::text, this::health);
        } catch (IOException e) {
            throw cannotListen(config.http(), e);
        }
        try {
            service.start(config.listen().resolve(), config.limits(), config.spread());
        } catch (IOException e) {
            throw cannotListen(config.listen(), e);
        }
        LOG.info(
                "node {} serves {} on {}, metrics on {}, at most {} MiB for connections",
                storage.files().nodeUuid(),
                config.dataFolder(),
                service.address(),
                http.address(),
                budget.connectionBytesMax() >> 20);
        if (config.insecureListen()) {
            LOG.warn("whoever reaches {} can read and write every volume: there is no authentication", config.listen());
        }
    }

    private static IOException cannotListen(ListenAddress address, IOException cause) {
        // Netty's message begins with the system call, which is nobody's business.
        String reason = cause.getMessage()
                .substring(cause.getMessage().lastIndexOf(": ") + 1)
                .trim();
        return new IOException("can't listen on " + address + ": " + reason, cause);
    }

    private HttpEndpoint.Health health() {
        return stopped.get() ? HttpEndpoint.Health.of("stopping") : health.look();
    }

    private static UUID bootId() throws IOException {
        return UUID.fromString(Files.readString(BOOT_ID).trim());
    }

    private static String software() {
        String version = StorageNode.class.getPackage().getImplementationVersion();
        return "ashlar/" + Objects.requireNonNullElse(version, "development");
    }

    /** Returns the loops that serve connections. */
    public List<EpollLoop> loops() {
        return loops.all();
    }

    /** Returns where the node listens. */
    public Addresses addresses() {
        return new Addresses(service.address(), http.address());
    }

    /**
     * Where a node listens, with the ports that the kernel chose where 0 was asked for.
     *
     * @param block for clients
     * @param http for {@code /metrics} and {@code /healthz}
     */
    public record Addresses(InetSocketAddress block, InetSocketAddress http) {}

    /**
     * Stops in order, within 30 seconds: no new connections, requests under way answered, everything flushed, write
     * intents cleared. What was not possible in time is left to the next start, as after a crash.
     */
    @Override
    public void close() {
        if (!stopped.compareAndSet(false, true)) {
            return;
        }
        registry.stopSoon();
        service.stop(ANSWERS_MS);
        if (!registry.stop(FLUSH_MS)) {
            LOG.warn("not everything could be flushed in {} s; the next start mends it", FLUSH_MS / 1000);
        }
        loops.close();
        storage.shutdown();
        if (http != null) {
            http.close();
        }
        metrics.close();
    }
}
