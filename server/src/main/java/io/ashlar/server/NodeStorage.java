package io.ashlar.server;

import io.ashlar.base.time.Clock;
import io.ashlar.base.time.RandomSource;
import io.ashlar.server.config.ServerConfig;
import io.ashlar.server.registry.FolderFiles;
import io.ashlar.server.registry.VolumeFiles;
import io.ashlar.store.DataFolder;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import java.util.UUID;

/**
 * What a node keeps its volumes in.
 *
 * @param catalogue which volumes there are
 * @param files their bytes
 * @param ioPool the threads that wait for the disk
 */
record NodeStorage(VolumeCatalogue catalogue, VolumeFiles files, IoPool ioPool) {
    /** Opens the data folder and everything in it. */
    static NodeStorage open(ServerConfig config, UUID bootId) throws StoreException {
        IoPool ioPool = new IoPool(config.ioThreads());
        StorageIo io = new LinuxStorageIo();
        try {
            StoreEnvironment environment = new StoreEnvironment(ioPool, RandomSource.SECURE, bootId);
            DataFolder folder = DataFolder.open(config.dataFolder(), io, config.store(), environment);
            try {
                VolumeCatalogue catalogue =
                        VolumeCatalogue.open(config.dataFolder(), io, Clock.SYSTEM, RandomSource.SECURE);
                if (catalogue.volumes().isEmpty() && !folder.volumes().isEmpty()) {
                    throw new StoreException("the data folder " + config.dataFolder() + " holds "
                            + folder.volumes().size() + " volumes that its catalogue does not name");
                }
                return new NodeStorage(catalogue, new FolderFiles(folder), ioPool);
            } catch (StoreException e) {
                folder.close();
                throw e;
            }
        } catch (StoreException e) {
            ioPool.close();
            throw e;
        }
    }

    /** Ends the threads, the volumes being closed. */
    void shutdown() {
        ioPool.close();
    }
}
