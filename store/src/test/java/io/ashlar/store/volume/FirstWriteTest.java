package io.ashlar.store.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.TestRequest;
import io.ashlar.base.status.Status;
import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import io.ashlar.store.file.LinuxStorageIo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The first writes of a region come together, run in several threads of the pool, and the one that puts down the region's
 * page of entries must not put down the others' blocks as absent: nobody would notice before the next start.
 */
class FirstWriteTest {
    private static final int REGIONS = 150;
    private static final int WRITES = 24;
    private static final int BLOCK = BlockGeometry.BLOCK_BYTES;

    @TempDir
    Path path;

    private static long offset(int region, int write) {
        return ((long) region << BlockGeometry.REGION_SHIFT) + (long) write * 7 * BLOCK;
    }

    private static byte[] contents(int region, int write) {
        byte[] bytes = new byte[BLOCK];
        Arrays.fill(bytes, (byte) (1 + (region * 31 + write) % 120));
        return bytes;
    }

    @Test
    void shouldFindAllFirstWritesOfARegionAfterARestartWhenTheyCameTogether() throws Exception {
        UUID uuid;
        StoreFixture first = StoreFixture.onThreads(path, new LinuxStorageIo());
        StoredVolume volume = first.createVolume(new BlockGeometry((long) REGIONS << 20, BLOCK, false));
        uuid = first.folder().volumes().get(0);
        try (VolumeClient client = new VolumeClient(volume)) {
            for (int region = 0; region < REGIONS; region++) {
                writeTogether(client, region);
            }
            assertThat(client.run(Operation.FLUSH, 0, 0, 0)).isEqualTo(Status.OK);
        }
        first.close();
        try (StoreFixture store = StoreFixture.onThreads(path, new LinuxStorageIo());
                VolumeClient client = new VolumeClient(store.folder().openVolume(uuid))) {
            byte[] found = new byte[BLOCK];
            for (int region = 0; region < REGIONS; region++) {
                for (int write = 0; write < WRITES; write++) {
                    assertThat(client.read(offset(region, write), found)).isEqualTo(Status.OK);
                    assertThat(found).as("region %d write %d", region, write).isEqualTo(contents(region, write));
                }
            }
        }
    }

    private static void writeTogether(VolumeClient client, int region) {
        BlockQueue queue = client.queue();
        List<TestRequest> requests = new ArrayList<>();
        for (int write = 0; write < WRITES; write++) {
            requests.add(TestRequest.write(offset(region, write), contents(region, write), BLOCK, 0));
        }
        requests.forEach(queue::submit);
        queue.endBatch();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        for (TestRequest request : requests) {
            while (request.status() == null) {
                assertThat(System.nanoTime())
                        .as("lost request in region %d", region)
                        .isLessThan(end);
                client.loop().poll();
                LockSupport.parkNanos(1_000);
            }
            assertThat(request.status()).isEqualTo(Status.OK);
            request.free();
        }
    }
}
