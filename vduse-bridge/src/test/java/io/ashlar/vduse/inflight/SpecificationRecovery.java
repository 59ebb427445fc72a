package io.ashlar.vduse.inflight;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What another back end would make of a region, written from the vhost-user specification alone ("Inflight I/O tracking", "when
 * reconnecting"): it goes by the chain of the last batch, not by the used ring.
 */
final class SpecificationRecovery {
    private SpecificationRecovery() {}

    /** Returns the heads in flight, oldest first; the region stays as it is. */
    static List<Integer> inFlight(ByteBuffer region, int usedIndex) {
        int descNum = region.getShort(10);
        boolean[] inflight = new boolean[descNum];
        for (int i = 0; i < descNum; i++) {
            inflight[i] = region.get(16 + 16 * i) == 1;
        }
        int batch = (usedIndex - region.getShort(14)) & 0xFFFF;
        int head = region.getShort(12);
        for (; batch > 0 && head < descNum; batch--) {
            inflight[head] = false;
            head = region.getShort(16 + 16 * head + 6);
        }
        List<Integer> heads = new ArrayList<>();
        for (int i = 0; i < descNum; i++) {
            if (inflight[i]) {
                heads.add(i);
            }
        }
        heads.sort(Comparator.comparingLong(i -> region.getLong(16 + 16 * i + 8)));
        return heads;
    }
}
