package io.ashlar.server;

import io.ashlar.base.time.Clock;
import io.ashlar.base.time.RandomSource;
import io.ashlar.server.config.ServerConfig;
import io.ashlar.server.registry.FolderFiles;
import io.ashlar.server.registry.VolumeFiles;
import io.ashlar.store.DataFolder;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.config.StoreTimer;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import java.util.UUID;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor.DiscardPolicy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a node keeps its volumes in.
 *
 * @param catalogue which volumes there are
 * @param files their bytes
 * @param ioPool the threads that wait for the disk
 * @param timer the thread that wakes the store; asleep while no region of any volume is marked
 */
record NodeStorage(VolumeCatalogue catalogue, VolumeFiles files, IoPool ioPool, ScheduledExecutorService timer) {
    private static final Logger LOG = LoggerFactory.getLogger(NodeStorage.class);

    /** Opens the data folder and everything in it. */
    static NodeStorage open(ServerConfig config, UUID bootId) throws StoreException {
        IoPool ioPool = new IoPool(config.ioThreads());
        ScheduledThreadPoolExecutor timer =
                new ScheduledThreadPoolExecutor(1, task -> new Thread(task, "store-timer"), new DiscardPolicy());
        StorageIo io = new LinuxStorageIo();
        try {
            StoreEnvironment environment =
                    new StoreEnvironment(ioPool, RandomSource.SECURE, bootId, StoreTimer.of(timer));
            DataFolder folder = DataFolder.open(config.dataFolder(), io, config.store(), environment);
            if (!folder.wasCleanlyStopped()) {
                LOG.warn(
                        "the last node on {} was not stopped in order{}: what it was writing is settled now",
                        config.dataFolder(),
                        folder.previousBootId().equals(bootId) ? "" : ", and the machine has been restarted since");
            }
            try {
                VolumeCatalogue catalogue =
                        VolumeCatalogue.open(config.dataFolder(), io, Clock.SYSTEM, RandomSource.SECURE);
                if (catalogue.volumes().isEmpty() && !folder.volumes().isEmpty()) {
                    throw new StoreException("the data folder " + config.dataFolder() + " holds "
                            + folder.volumes().size() + " volumes that its catalogue does not name");
                }
                return new NodeStorage(catalogue, new FolderFiles(folder), ioPool, timer);
            } catch (StoreException e) {
                folder.close();
                throw e;
            }
        } catch (StoreException e) {
            timer.shutdownNow();
            ioPool.close();
            throw e;
        }
    }

    /** Ends the threads, the volumes being closed. */
    void shutdown() {
        timer.shutdownNow();
        ioPool.close();
    }
}
