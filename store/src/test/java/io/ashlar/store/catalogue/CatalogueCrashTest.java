package io.ashlar.store.catalogue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.status.Status;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.time.Clock;
import io.ashlar.store.file.StoreException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Random histories, cut off by power loss at any step: what was acknowledged is there, what was not is there or not. */
class CatalogueCrashTest {
    private static final Path FOLDER = Path.of("data");
    private static final List<String> NAMES = List.of("a", "b", "c", "d");

    private static VolumeCatalogue open(FakeDisk disk, Random random) throws StoreException {
        return VolumeCatalogue.open(FOLDER, disk.io(), Clock.SYSTEM, random::nextLong);
    }

    private static CatalogueResult change(VolumeCatalogue catalogue, Random random) {
        String name = NAMES.get(random.nextInt(NAMES.size()));
        boolean live = catalogue.find(name) != null;
        boolean listed =
                catalogue.volumes().stream().anyMatch(volume -> volume.name().equals(name));
        if (!listed) {
            return catalogue.beginCreate(name, 4096L * (1 + random.nextInt(100)), 512);
        }
        if (!live) {
            VolumeState state = catalogue.volumes().stream()
                    .filter(volume -> volume.name().equals(name))
                    .findFirst()
                    .orElseThrow()
                    .state();
            return state == VolumeState.CREATING && random.nextBoolean()
                    ? catalogue.finishCreate(name)
                    : catalogue.remove(name);
        }
        return switch (random.nextInt(5)) {
            case 0 -> catalogue.grow(name, catalogue.find(name).geometry().sizeBytes() + 4096);
            case 1 -> catalogue.attach(name, "host-" + random.nextInt(2), random.nextBoolean());
            case 2 -> catalogue.detach(name, catalogue.find(name).epoch());
            case 3 -> catalogue.release(name);
            default -> catalogue.beginDelete(name);
        };
    }

    @Property(tries = 300)
    void shouldHoldWhatWasAcknowledgedWhenPowerIsLostAtAnyStep(@ForAll long seed) throws StoreException {
        Random random = new Random(seed);
        FakeDisk disk = new FakeDisk(random);
        for (int life = 0; life < 3; life++) {
            VolumeCatalogue catalogue = open(disk, random);
            disk.failAfter(random.nextInt(60), random.nextBoolean() ? Errno.EIO : Errno.ENOSPC);
            List<VolumeRecord> acknowledged = catalogue.volumes();
            boolean failed = false;
            for (int i = 0; i < 30 && !failed; i++) {
                Status status = change(catalogue, random).status();
                failed = status == Status.IO_ERROR || status == Status.NO_SPACE;
                acknowledged = failed ? acknowledged : catalogue.volumes();
            }
            assertThat(catalogue.volumes()).isEqualTo(acknowledged);
            disk = disk.crashed();
            List<VolumeRecord> found = open(disk, random).volumes();
            // The one change that failed may have reached the disk all the same.
            assertThat(differences(found, acknowledged)).isLessThanOrEqualTo(failed ? 1 : 0);
        }
    }

    private static int differences(List<VolumeRecord> found, List<VolumeRecord> acknowledged) {
        SortedMap<String, VolumeRecord> left = new TreeMap<>();
        acknowledged.forEach(volume -> left.put(volume.name(), volume));
        int differences = 0;
        for (VolumeRecord volume : found) {
            VolumeRecord other = left.remove(volume.name());
            differences += volume.equals(other) ? 0 : 1;
        }
        return differences + left.size();
    }

    @Property(tries = 200)
    void shouldReadBackAnyImageAndNoDamagedOne(@ForAll long seed) throws StoreException {
        Random random = new Random(seed);
        FakeDisk disk = new FakeDisk(random);
        VolumeCatalogue catalogue = open(disk, random);
        List<CatalogueResult> results = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            results.add(change(catalogue, random));
        }
        assertThat(results).isNotEmpty();
        SortedMap<String, VolumeRecord> volumes = new TreeMap<>();
        catalogue.volumes().forEach(volume -> volumes.put(volume.name(), volume));
        CatalogueImage image = new CatalogueImage(1 + random.nextInt(1 << 20), volumes);
        byte[] bytes = CatalogueCodec.encode(image);
        assertThat(CatalogueCodec.decode(bytes)).isEqualTo(image);

        byte[] flipped = bytes.clone();
        flipped[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        assertThatThrownBy(() -> CatalogueCodec.decode(flipped)).isInstanceOf(StoreException.class);
        byte[] cut = Arrays.copyOf(bytes, random.nextInt(bytes.length));
        assertThatThrownBy(() -> CatalogueCodec.decode(cut)).isInstanceOf(StoreException.class);
    }
}
