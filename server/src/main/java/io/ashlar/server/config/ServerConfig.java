package io.ashlar.server.config;

import io.ashlar.store.config.StoreConfig;
import java.net.InetSocketAddress;
import java.nio.file.Path;

/**
 * Everything that an operator sets on a node.
 *
 * @param dataFolder where volumes are kept
 * @param listen where clients connect
 * @param http where {@code /metrics} and {@code /healthz} are
 * @param insecureListen whether addresses other than loopback may be listened on
 * @param limits what clients may have
 * @param store the store's settings
 * @param ioThreads threads that wait for the disk
 * @param spread whether connections go to the loops in turn, instead of to the CPU where their packets come in
 */
public record ServerConfig(
        Path dataFolder,
        ListenAddress listen,
        ListenAddress http,
        boolean insecureListen,
        ServerLimits limits,
        StoreConfig store,
        int ioThreads,
        boolean spread) {
    /** Where clients connect unless told otherwise. */
    public static final ListenAddress LISTEN_DEFAULT = new ListenAddress("127.0.0.1", 7440);
    /** Where HTTP is unless told otherwise. */
    public static final ListenAddress HTTP_DEFAULT = new ListenAddress("127.0.0.1", 7441);
    /** Syncs of many files at once: 8 threads do 2.6 times as many as one. */
    public static final int IO_THREADS_DEFAULT = 8;

    /** Checks the components. */
    public ServerConfig {
        if (ioThreads < 1 || ioThreads > 256) {
            throw new IllegalArgumentException("server.io-threads = " + ioThreads + " is not between 1 and 256");
        }
        if (!insecureListen) {
            requireLoopback("listen", listen);
            requireLoopback("http", http);
        }
    }

    /** Returns the defaults for a data folder. */
    public static ServerConfig of(Path dataFolder) {
        return new ServerConfig(
                dataFolder,
                LISTEN_DEFAULT,
                HTTP_DEFAULT,
                false,
                ServerLimits.DEFAULT,
                StoreConfig.DEFAULT,
                IO_THREADS_DEFAULT,
                false);
    }

    private static void requireLoopback(String option, ListenAddress address) {
        InetSocketAddress resolved = address.resolve();
        if (!resolved.getAddress().isLoopbackAddress()) {
            throw new IllegalArgumentException("--" + option + " " + address
                    + " can be reached from other hosts, and everyone who reaches it can read and write every volume:"
                    + " there is no authentication yet; say --insecure-listen if that is meant");
        }
    }

    /** Returns this configuration listening elsewhere. */
    public ServerConfig withAddresses(ListenAddress newListen, ListenAddress newHttp, boolean newInsecureListen) {
        return new ServerConfig(dataFolder, newListen, newHttp, newInsecureListen, limits, store, ioThreads, spread);
    }

    /** Returns this configuration with other limits. */
    public ServerConfig withLimits(ServerLimits newLimits) {
        return new ServerConfig(dataFolder, listen, http, insecureListen, newLimits, store, ioThreads, spread);
    }

    /** Returns this configuration with or without {@link #spread}. */
    public ServerConfig withSpread(boolean newSpread) {
        return new ServerConfig(dataFolder, listen, http, insecureListen, limits, store, ioThreads, newSpread);
    }
}
