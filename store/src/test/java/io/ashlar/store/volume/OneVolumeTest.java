package io.ashlar.store.volume;

import io.ashlar.store.StoreFixture;
import io.ashlar.store.VolumeClient;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** A test with one volume in a folder of its own, which the heirs open; what an heir lets go of at the end, it does before. */
abstract class OneVolumeTest {
    @TempDir
    Path path;

    StoreFixture store;
    StoredVolume volume;
    VolumeClient client;

    @AfterEach
    final void closeVolume() {
        client.close();
        store.close();
    }
}
