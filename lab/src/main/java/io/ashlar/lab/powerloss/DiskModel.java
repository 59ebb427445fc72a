package io.ashlar.lab.powerloss;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What each 4 KiB block of the volume may hold after a power loss. A version of a block is the numbers of the writes that
 * its eight sectors come from, 0 for zeroes. Time is counted in marks of the log.
 */
@ConfinedTo(LoopKind.OWNER)
final class DiskModel {
    static final int SECTORS = 8;
    static final int SECTOR_BYTES = 512;

    private final List<List<Version>> versions = new ArrayList<>();
    private final List<List<Floor>> floors = new ArrayList<>();

    DiskModel(int blocks) {
        for (int i = 0; i < blocks; i++) {
            versions.add(new ArrayList<>(List.of(new Version(new int[SECTORS], 0))));
            floors.add(new ArrayList<>());
        }
    }

    /** A state of a block, and how many marks there were when the request that made it was submitted. */
    @SuppressWarnings("ArrayRecordComponent") // never compared, never changed
    private record Version(int[] sectors, int marksBefore) {}

    /** In a log that reaches a mark, this version of the block or a later one. */
    private record Floor(int mark, int version) {}

    /** Notes that a submitted request changes some sectors of a block. */
    void change(int block, int firstSector, int endSector, int value, int marksBefore) {
        int[] sectors = latest(block).clone();
        Arrays.fill(sectors, firstSector, endSector, value);
        versions.get(block).add(new Version(sectors, marksBefore));
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

    /** Notes that a version is durable before a mark. */
    void durable(int block, int version, int mark) {
        floors.get(block).add(new Floor(mark, version));
    }

    /** Returns what is wrong with a block found in a log that reaches a mark and not the next, or null. */
    String judge(int block, int[] found, int mark) {
        int floor = 0;
        for (Floor candidate : floors.get(block)) {
            if (candidate.mark() <= mark) {
                floor = Math.max(floor, candidate.version());
            }
        }
        List<Version> of = versions.get(block);
        StringBuilder allowed = new StringBuilder();
        for (Version version : of.subList(floor, of.size())) {
            if (version.marksBefore() > mark) {
                break;
            }
            if (Arrays.equals(version.sectors(), found)) {
                return null;
            }
            allowed.append(' ').append(Arrays.toString(version.sectors()));
        }
        return "reads " + Arrays.toString(found) + ", allowed are" + allowed;
    }
}
