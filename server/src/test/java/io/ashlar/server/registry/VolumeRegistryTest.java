package io.ashlar.server.registry;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import io.ashlar.base.time.RandomSource;
import io.ashlar.server.TestFiles;
import io.ashlar.store.catalogue.CatalogueResult;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.catalogue.VolumeRecord;
import io.ashlar.store.file.LinuxStorageIo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The registry's own thread, from its start to its end. */
class VolumeRegistryTest {
    @TempDir
    Path folder;

    private static final VolumeUse USE = new VolumeUse() {
        @Override
        public boolean isAwaited() {
            return true;
        }

        @Override
        public void end(boolean fenced) {}

        @Override
        public void geometryChanged(BlockGeometry geometry) {}
    };

    @Test
    void shouldLeaveTheVolumesThatAreNotOpenYetToTheNextStartWhenItIsToStop() throws Exception {
        TestFiles files = new TestFiles();
        VolumeCatalogue catalogue =
                VolumeCatalogue.open(folder, new LinuxStorageIo(), Clock.SYSTEM, RandomSource.SECURE);
        for (String name : List.of("a", "b", "c")) {
            CatalogueResult begun = catalogue.beginCreate(name, 1 << 20, 4096);
            VolumeRecord volume = ((CatalogueResult.Accepted) begun).volume();
            files.create(volume.uuid(), volume.geometry());
            catalogue.finishCreate(name);
        }
        NodeIdentity node = new NodeIdentity(new UUID(1, 2), new UUID(3, 4), new UUID(5, 6), "test", 0);
        VolumeRegistry registry = new VolumeRegistry(catalogue, files, node, () -> 0, Clock.SYSTEM);
        List<Status> answers = new ArrayList<>();
        AtomicInteger opened = new AtomicInteger();
        CountDownLatch told = new CountDownLatch(1);
        files.beforeOpen(() -> {
            opened.incrementAndGet();
            for (String name : List.of("a", "b", "c")) {
                registry.open(new OpenRequest(name, "", 0, true, false, 0, 0), USE, answer -> {
                    if (answer instanceof OpenResult.Opened granted) {
                        answers.add(Status.OK);
                        registry.close(granted.ticket(), name, false, status -> {});
                    } else {
                        answers.add(((OpenResult.Refused) answer).status());
                    }
                });
            }
            registry.stopSoon();
            told.countDown();
        });
        registry.start();
        told.await();
        assertThat(registry.stop(60_000)).isTrue();
        assertThat(opened).hasValue(1);
        assertThat(answers).containsExactly(Status.OK, Status.UNAVAILABLE, Status.UNAVAILABLE);
        files.free();
    }
}
