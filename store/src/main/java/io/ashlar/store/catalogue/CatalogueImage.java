package io.ashlar.store.catalogue;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The whole content of the catalogue at one moment; replaced as a whole.
 *
 * @param incarnationCeiling no incarnation at or above this number has been handed out
 * @param volumes by name
 */
record CatalogueImage(long incarnationCeiling, SortedMap<String, VolumeRecord> volumes) {
    /** Most volumes on a node: the catalogue stays near a megabyte, and is written within milliseconds. */
    static final int VOLUMES_MAX = 4096;

    static final CatalogueImage EMPTY = new CatalogueImage(1, new TreeMap<>());

    CatalogueImage {
        volumes = Collections.unmodifiableSortedMap(new TreeMap<>(volumes));
        if (volumes.size() > VOLUMES_MAX || incarnationCeiling < 1) {
            throw new IllegalArgumentException("not a catalogue");
        }
    }

    CatalogueImage with(VolumeRecord volume) {
        SortedMap<String, VolumeRecord> changed = new TreeMap<>(volumes);
        changed.put(volume.name(), volume);
        return new CatalogueImage(incarnationCeiling, changed);
    }

    CatalogueImage without(String name) {
        SortedMap<String, VolumeRecord> changed = new TreeMap<>(volumes);
        changed.remove(name);
        return new CatalogueImage(incarnationCeiling, changed);
    }

    CatalogueImage withIncarnationCeiling(long ceiling) {
        return new CatalogueImage(ceiling, volumes);
    }
}
