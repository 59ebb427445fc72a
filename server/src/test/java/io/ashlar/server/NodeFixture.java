package io.ashlar.server;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.time.Clock;
import io.ashlar.base.time.RandomSource;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.MemoryBudget;
import io.ashlar.server.config.ServerConfig;
import io.ashlar.server.config.ServerLimits;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.file.LinuxStorageIo;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executors;

/** A node on free ports, with volumes in memory and the catalogue on disk; may be stopped and started again. */
public final class NodeFixture implements AutoCloseable {
    /** The machine that tests run on. */
    public static final UUID BOOT_ID = new UUID(3, 4);

    private static final ListenAddress ANY_PORT = new ListenAddress("127.0.0.1", 0);

    private final Path folder;
    private final TestFiles files = new TestFiles();
    private final ServerLimits limits;
    private final MemoryBudget budget;
    private StorageNode node;

    /** Starts a node with default limits. */
    public NodeFixture(Path folder) throws IOException {
        this(folder, ServerLimits.DEFAULT);
    }

    /** Starts a node. */
    public NodeFixture(Path folder, ServerLimits limits) throws IOException {
        this(folder, limits, MemoryBudget.divide(512 << 20, limits, 2));
    }

    /** Starts a node with this much memory. */
    public NodeFixture(Path folder, ServerLimits limits, MemoryBudget budget) throws IOException {
        this.budget = budget;
        this.folder = folder;
        this.limits = limits;
        start();
    }

    /** Returns a configuration for free ports. */
    public static ServerConfig config(Path folder, ServerLimits limits) {
        return ServerConfig.of(folder).withAddresses(ANY_PORT, ANY_PORT, false).withLimits(limits);
    }

    /** Starts the node again, after {@link #stop}. */
    public void start() throws IOException {
        VolumeCatalogue catalogue =
                VolumeCatalogue.open(folder, new LinuxStorageIo(), Clock.SYSTEM, RandomSource.SECURE);
        NodeStorage storage =
                new NodeStorage(catalogue, files, new IoPool(1), Executors.newSingleThreadScheduledExecutor());
        node = StorageNode.start(config(folder, limits), storage, BOOT_ID, budget);
    }

    /** Stops the node in order. */
    public void stop() {
        node.close();
    }

    /** Returns where clients connect. */
    public InetSocketAddress address() {
        return node.addresses().block();
    }

    /** Returns where HTTP is. */
    public InetSocketAddress http() {
        return node.addresses().http();
    }

    /** Returns the loops that serve connections. */
    public List<EpollLoop> loops() {
        return node.loops();
    }

    /** Returns the volumes. */
    public TestFiles files() {
        return files;
    }

    /** Returns the only volume. */
    public TestVolume volume() {
        return files.only();
    }

    @Override
    public void close() {
        node.close();
        files.free();
    }
}
