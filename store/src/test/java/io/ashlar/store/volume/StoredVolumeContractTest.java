package io.ashlar.store.volume;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockDeviceContract;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.TestRequest;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.file.LinuxStorageIo;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

class StoredVolumeContractTest extends BlockDeviceContract {
    private static EpollLoops loops;

    @TempDir
    Path folder;

    private StoreFixture store;

    @BeforeAll
    static void startLoop() {
        loops = EpollLoops.floating("contract", 1);
    }

    @AfterAll
    static void stopLoop() {
        loops.close();
    }

    @Override
    protected BlockDevice createDevice(int logicalBlockBytes) throws Exception {
        store = StoreFixture.onThreads(folder, new LinuxStorageIo());
        return store.createVolume(new BlockGeometry(SIZE_BYTES, logicalBlockBytes, false));
    }

    @AfterEach
    void closeStore() {
        store.close();
    }

    @Override
    protected Loop loop() {
        return loops.all().get(0);
    }

    @Override
    protected void await(TestRequest request) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (request.status() == null) {
            if (System.nanoTime() > end) {
                throw new TimeoutException("request " + request.operation() + " is lost");
            }
            Thread.onSpinWait();
        }
    }

    static final class WithLargeBlocksTest extends StoredVolumeContractTest {
        @Override
        protected int logicalBlockBytes() {
            return 4096;
        }
    }
}
