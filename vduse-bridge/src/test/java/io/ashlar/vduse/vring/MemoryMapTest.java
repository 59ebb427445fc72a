package io.ashlar.vduse.vring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.block.ScatterList;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryMapTest {
    private static final long TOP = 0xFFFF_FFFF_FFFF_F000L;

    private final ScatterList out = new ScatterList(8);

    private static ByteBuf direct(int bytes) {
        return Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(bytes));
    }

    private static MemoryMap map() {
        MemoryMap map = new MemoryMap(RegionSource.NONE);
        map.add(0x1000, 0x1000, Access.READ_WRITE, direct(0x1000));
        map.add(0x2000, 0x1000, Access.READ_ONLY, direct(0x1000));
        map.add(0x8000, 0x1000, Access.WRITE_ONLY, direct(0x1000));
        map.add(TOP, 0x1000, Access.READ_WRITE, direct(0x1000));
        return map;
    }

    private static MemoryMap shared;

    private static MemoryMap sharedMap() {
        if (shared == null) {
            shared = map();
        }
        return shared;
    }

    @Property(tries = 20_000)
    void shouldResolveExactlyRangesInsideOneRegion(
            @ForAll int nearness, @ForAll long anywhere, @ForAll int lengthSeed, @ForAll boolean toWrite) {
        long[] bases = {0, 0x1000, 0x2000, 0x3000, 0x8000, 0x9000, TOP, anywhere};
        long iova = bases[(nearness >>> 8) & 7] + (byte) nearness;
        int[] lengths = {1, 2, 16, 0xFFF, 0x1000, 0x1001, lengthSeed & 0xFFF, lengthSeed};
        long length = Integer.toUnsignedLong(lengths[lengthSeed >>> 29]);
        MemoryMap map = sharedMap();
        out.clear();

        boolean expected = length == 0
                || (!toWrite && inside(iova, length, 0x2000))
                || (toWrite && inside(iova, length, 0x8000))
                || inside(iova, length, 0x1000)
                || inside(iova, length, TOP);
        assertThat(map.resolve(iova, length, toWrite, out)).isEqualTo(expected);
        assertThat(out.lengthBytes()).isEqualTo(expected ? (int) length : 0);
        if (expected && length > 0) {
            assertThat(out.offset(0)).isEqualTo((int) (iova & 0xFFF));
        }
    }

    private static boolean inside(long iova, long length, long region) {
        return (iova & ~0xFFFL) == region && (iova & 0xFFF) + length <= 0x1000;
    }

    @Test
    void shouldNotJoinNeighbouringRegions() {
        assertThat(map().resolve(0x1FFF, 2, false, out)).isFalse();
    }

    @Test
    void shouldAskSourceOnceForUnknownAddress() {
        AtomicInteger asked = new AtomicInteger();
        MemoryMap map = new MemoryMap((iova, target) -> {
            asked.incrementAndGet();
            if (iova >= 0x4000) {
                return false;
            }
            target.add(0, 0x4000, Access.READ_WRITE, direct(0x4000));
            return true;
        });
        assertThat(map.resolve(0x100, 16, true, out)).isTrue();
        assertThat(map.resolve(0x200, 16, true, out)).isTrue();
        assertThat(asked).hasValue(1);
        assertThat(map.resolve(0x3FFF, 2, true, out))
                .as("starts in a known region")
                .isFalse();
        assertThat(asked).hasValue(1);
        assertThat(map.resolve(0x5000, 16, true, out)).isFalse();
        assertThat(asked).hasValue(2);
        map.clear();
        assertThat(map.resolve(0x100, 16, true, out)).isTrue();
        assertThat(asked).hasValue(3);
    }

    @Test
    void shouldRefuseBadRegions() {
        MemoryMap map = map();
        ByteBuf page = direct(0x1000);
        assertThatThrownBy(() -> map.add(0x1800, 0x1000, Access.READ_WRITE, page))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> map.add(0x10000, 0x1001, Access.READ_WRITE, page))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> map.add(0x10000, 0x2000, Access.READ_WRITE, page, page))
                .as("a short window that isn't the last")
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> map.add(-0x800, 0x1000, Access.READ_WRITE, page))
                .as("beyond the last address")
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void shouldSplitRangesAtWindowEdgesOfSparseSixGibRegion(@TempDir Path folder) throws IOException {
        long base = 1L << 32;
        long size = 6L << 30;
        try (FileChannel file = FileChannel.open(
                folder.resolve("memory"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.SPARSE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            ByteBuf[] windows = new ByteBuf[6];
            for (int i = 0; i < windows.length; i++) {
                windows[i] = Unpooled.wrappedBuffer(
                        file.map(MapMode.READ_WRITE, (long) i << MemoryMap.WINDOW_SHIFT, MemoryMap.WINDOW_BYTES));
            }
            MemoryMap map = new MemoryMap(RegionSource.NONE);
            map.add(base, size, Access.READ_WRITE, windows);

            assertThat(map.resolve(base + (3L << 30) - 10, 4096, true, out)).isTrue();
            assertThat(out.count()).isEqualTo(2);
            assertThat(out.length(0)).isEqualTo(10);
            ByteBuf pattern = Unpooled.buffer(4096).writerIndex(4096);
            for (int i = 0; i < 4096; i++) {
                pattern.setByte(i, i * 31);
            }
            out.copyIn(0, pattern, 0, 4096);
            assertThat(windows[2].getByte(MemoryMap.WINDOW_BYTES - 1)).isEqualTo(pattern.getByte(9));
            assertThat(windows[3].getByte(0)).isEqualTo(pattern.getByte(10));

            out.clear();
            assertThat(map.resolve(base + size - 1, 1, true, out)).isTrue();
            assertThat(map.resolve(base + size - 1, 2, true, out)).isFalse();
            assertThat(map.resolve(base + (1L << 30) - 1, (1L << 30) + 1, false, new ScatterList(2)))
                    .isTrue();
            assertThat(map.resolve(base + (1L << 30) - 1, (1L << 30) + 2, false, new ScatterList(2)))
                    .as("three windows don't fit two segments")
                    .isFalse();
            assertThatThrownBy(() -> map.ring(base + (1L << 30) - 16, 32, 16, true))
                    .isInstanceOf(VringException.class);
        }
    }
}
