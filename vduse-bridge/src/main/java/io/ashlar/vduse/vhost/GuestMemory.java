package io.ashlar.vduse.vhost;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.FileFacts;
import io.ashlar.base.sys.Linux;
import io.ashlar.base.sys.MemoryGuard;
import io.ashlar.vduse.device.Iotlb;
import io.ashlar.vduse.device.MappedRegion;
import io.ashlar.vduse.vring.Access;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The front end's memory as it has described it: regions of files that came along with the description. The files stay open
 * as long as a region is in the table, so that memory which was taken away from requests in flight can be mapped again.
 *
 * <p>A file is taken only if touching it waits for nobody: it lies in memory (tmpfs, memfd, hugetlbfs), it is as long as
 * the region says, and it either can't shrink (sealed, and not of huge pages) or is watched over by the {@link MemoryGuard}.
 */
@ThreadSafe
final class GuestMemory implements Iotlb.Mapper {
    /** Regions at once, where they are added one by one. */
    static final int SLOTS_MAX = 32;
    /** Largest region: 4 TiB, which makes 4096 windows. */
    private static final long REGION_BYTES_MAX = 1L << 42;

    /**
     * A piece of the front end's memory.
     *
     * @param guest its address in descriptors
     * @param lengthBytes its length
     * @param user its address in the front end's own terms, which ring addresses are in
     * @param offset where it starts in the file
     * @param fd the file, the table's to close
     */
    record Region(long guest, long lengthBytes, long user, long offset, int fd, FileFacts file) {
        boolean isSame(Region other) {
            return isAt(other.guest, other.lengthBytes, other.user)
                    && offset == other.offset
                    && file.isSameFile(other.file);
        }

        boolean isAt(long otherGuest, long otherLengthBytes, long otherUser) {
            return guest == otherGuest && lengthBytes == otherLengthBytes && user == otherUser;
        }

        boolean contains(long iova) {
            return Long.compareUnsigned(iova - guest, lengthBytes) < 0;
        }
    }

    private final Closer closer;

    @GuardedBy("this")
    private List<Region> regions = List.of();

    /** Creates an empty table; the closer closes files, whose last user may have to free gigabytes for that. */
    GuestMemory(Closer closer) {
        this.closer = closer;
    }

    /**
     * Checks a region.
     *
     * @param fd its file, which becomes the table's
     * @throws IOException with what is wrong; the file stays the caller's
     */
    static Region region(long guest, long lengthBytes, long user, long offset, int fd) throws IOException {
        if (fd < 0) {
            throw new IOException("a region without a file");
        }
        if (!Linux.isInMemory(fd)) {
            throw new IOException("a region in a file that does not lie in memory");
        }
        FileFacts file = FileFacts.of(fd);
        if (lengthBytes <= 0 || lengthBytes > REGION_BYTES_MAX) {
            throw new IOException("a region of " + Long.toUnsignedString(lengthBytes) + " bytes");
        }
        if (wraps(guest, lengthBytes) || wraps(user, lengthBytes)) {
            throw new IOException("a region beyond the end of addresses");
        }
        if (offset < 0 || offset > file.sizeBytes() - lengthBytes) {
            throw new IOException("a region beyond the end of its file");
        }
        if (mayVanish(fd, file) && !MemoryGuard.get().isActive()) {
            throw new IOException("a region in a file that may shrink, which is not supported on this machine");
        }
        return new Region(guest, lengthBytes, user, offset, fd, file);
    }

    /**
     * Returns whether touching a mapping may fail one day. No seal keeps anybody from making holes in a file, and it may be that
     * no huge pages are left to fill them.
     */
    static boolean mayVanish(int fd, FileFacts file) {
        return file.hasHugePages() || !Linux.isSealedAgainstShrinking(fd);
    }

    private static boolean wraps(long start, long lengthBytes) {
        return Long.compareUnsigned(start + lengthBytes - 1, start) < 0;
    }

    synchronized List<Region> regions() {
        return regions;
    }

    /** Returns whether all regions of now are in the new table too: nobody who uses them needs to know. */
    synchronized boolean areKeptBy(List<Region> table) {
        return regions.stream().allMatch(old -> table.stream().anyMatch(old::isSame));
    }

    /** Returns whether two regions share a guest address. */
    static boolean overlap(List<Region> table) {
        for (int i = 0; i < table.size(); i++) {
            for (int k = 0; k < i; k++) {
                Region a = table.get(i);
                Region b = table.get(k);
                if (a.contains(b.guest) || b.contains(a.guest)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Replaces the table, and closes the files of regions that are not in the new one; on the control loop. */
    synchronized void replace(List<Region> table) {
        List<Region> gone = regions.stream()
                .filter(old -> table.stream().noneMatch(kept -> kept.fd == old.fd))
                .toList();
        discard(gone);
        regions = List.copyOf(table);
    }

    @Override
    public synchronized MappedRegion map(long iova) {
        for (Region region : regions) {
            if (region.contains(iova)) {
                return map(region);
            }
        }
        return null;
    }

    /** Maps whole pages, which are huge ones on hugetlbfs; a region may start and end inside one. */
    static MappedRegion map(Region region) {
        long page = region.file.blockBytes();
        long start = region.offset & -page;
        long length = ((region.offset + region.lengthBytes + page - 1) & -page) - start;
        long address = Linux.mapShared(region.fd, length, start, true);
        if (address < 0) {
            return null;
        }
        int guard = -1;
        if (mayVanish(region.fd, region.file)) {
            guard = MemoryGuard.get().guard(address, length);
            if (guard < 0) {
                Linux.unmap(address, length);
                return null;
            }
        }
        MappedRegion.Mapping mapping = new MappedRegion.Mapping(address, length, guard);
        return new MappedRegion(
                region.guest, region.lengthBytes, address + (region.offset - start), mapping, Access.READ_WRITE);
    }

    /**
     * Returns the guest address of an address of the front end's own.
     *
     * @throws IOException if it is in no region
     */
    synchronized long toGuest(long user) throws IOException {
        for (Region region : regions) {
            if (Long.compareUnsigned(user - region.user, region.lengthBytes) < 0) {
                return region.guest + (user - region.user);
            }
        }
        throw new IOException("the address 0x" + Long.toHexString(user) + " is in no region of memory");
    }

    /** Closes the files of regions that are not in the table; on the control loop. */
    void discard(List<Region> gone) {
        if (!gone.isEmpty()) {
            closer.close(() -> gone.forEach(region -> Linux.close(region.fd)));
        }
    }

    /** Returns a copy of the table without a region, or null if it is not in it. */
    synchronized List<Region> without(long guest, long lengthBytes, long user) {
        List<Region> rest = new ArrayList<>(regions);
        return rest.removeIf(region -> region.isAt(guest, lengthBytes, user)) ? rest : null;
    }
}
