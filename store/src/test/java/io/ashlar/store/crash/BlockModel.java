package io.ashlar.store.crash;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a volume may hold after a crash, block by block: every version it ever had, when each was started, and since when
 * which one is known to be durable. A version is eight sector values; 0 is a sector of zeroes.
 */
final class BlockModel {
    static final int SECTORS = 8;

    private final List<List<Version>> versions = new ArrayList<>();
    private final List<List<Floor>> floors = new ArrayList<>();

    BlockModel(int blocks) {
        for (int i = 0; i < blocks; i++) {
            versions.add(new ArrayList<>(List.of(new Version(new int[SECTORS], 0))));
            floors.add(new ArrayList<>());
        }
    }

    /** A state of a block, and the log position when the request that made it was submitted. */
    static final class Version {
        private final int[] sectors;
        private final int startedAt;

        Version(int[] sectors, int startedAt) {
            this.sectors = sectors;
            this.startedAt = startedAt;
        }

        int[] sectors() {
            return sectors;
        }

        int startedAt() {
            return startedAt;
        }
    }

    /** From a log position on, the version with this index, or a later one, is on disk. */
    record Floor(int since, int version) {}

    /** Notes a change of {@code count} sectors of the volume from {@code first}. */
    void change(long first, int count, int value, int startedAt) {
        int sector = 0;
        while (sector < count) {
            int block = (int) ((first + sector) / SECTORS);
            int[] sectors = latest(block).clone();
            do {
                sectors[(int) ((first + sector) % SECTORS)] = value;
                sector++;
            } while (sector < count && (first + sector) % SECTORS != 0);
            versions.get(block).add(new Version(sectors, startedAt));
        }
    }

    /**
     * Returns what the volume may hold after a further crash, now that it has been read after this one: what was found,
     * and, as long as that is not durable, what this crash allowed.
     *
     * @param inCache whether what was found may be in the page cache only
     */
    BlockModel goOn(int[][] found, int crashedAt, boolean inCache) {
        BlockModel next = new BlockModel(found.length);
        for (int block = 0; block < found.length; block++) {
            List<Version> of = next.versions.get(block);
            of.clear();
            if (inCache) {
                of.addAll(allowed(block, crashedAt));
            }
            of.add(new Version(found[block], inCache ? crashedAt : 0));
        }
        return next;
    }

    /** Returns the block as the last request submitted leaves it. */
    int[] latest(int block) {
        List<Version> of = versions.get(block);
        return of.get(of.size() - 1).sectors();
    }

    /** Returns the index of the block's latest version. */
    int latestIndex(int block) {
        return versions.get(block).size() - 1;
    }

    /** Notes that a version is durable from a log position on. */
    void durable(int block, int version, int since) {
        floors.get(block).add(new Floor(since, version));
    }

    /** Returns what is wrong with a block that reads so after a crash at a log position, or null. */
    String judge(int block, int[] found, int crashedAt, boolean mayBeTorn) {
        List<Version> allowed = allowed(block, crashedAt);
        for (Version version : allowed) {
            if (Arrays.equals(version.sectors(), found)) {
                return null;
            }
        }
        if (mayBeTorn && isMixOf(allowed, found)) {
            return null;
        }
        return "block " + block + " reads " + Arrays.toString(found) + ", allowed are "
                + allowed.stream()
                        .map(version -> Arrays.toString(version.sectors()))
                        .toList();
    }

    private List<Version> allowed(int block, int crashedAt) {
        int floor = 0;
        for (Floor candidate : floors.get(block)) {
            if (candidate.since() <= crashedAt) {
                floor = Math.max(floor, candidate.version());
            }
        }
        return versions.get(block).subList(floor, versions.get(block).size()).stream()
                .filter(version -> version.startedAt() <= crashedAt)
                .toList();
    }

    private static boolean isMixOf(List<Version> allowed, int[] found) {
        for (int i = 0; i < SECTORS; i++) {
            int sector = i;
            if (allowed.stream().noneMatch(version -> version.sectors()[sector] == found[sector])) {
                return false;
            }
        }
        return true;
    }
}
