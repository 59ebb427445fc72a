package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.sys.FileFacts;
import io.ashlar.base.sys.Linux;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** A front end's memory: large, replaced under load, taken away. */
class VhostMemoryTest extends VhostUserFixture {
    @Test
    void shouldWatchOverHugePagesWhateverTheirFileIsSealedAgainst() {
        int sealed = Linux.memoryFile("sealed");
        assertThat(Linux.sealAgainstShrinking(sealed)).isZero();
        long tmpfs = 0x01021994;
        long hugetlbfs = 0x958458f6L;
        assertThat(GuestMemory.mayVanish(sealed, new FileFacts(1, 1, MIB, tmpfs, 4096)))
                .isFalse();
        assertThat(GuestMemory.mayVanish(sealed, new FileFacts(1, 1, MIB, hugetlbfs, 2 * MIB)))
                .isTrue();
        Linux.close(sealed);
    }

    @Test
    void shouldGoOnWhenTheMemoryIsReplacedUnderLoad() throws Exception {
        connect();
        FrontEndModel.Region second = front.memory(0x4000_0000, MIB);
        for (int i = 0; i < 20; i++) {
            offer(0, FrontEndModel.OUT, i, i);
            offer(1, FrontEndModel.OUT, 100 + i, i);
            List<FrontEndModel.Region> table = i % 2 == 0 ? front.regions : front.regions.subList(0, 1);
            assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(table), FrontEndModel.fds(table)))
                    .isTrue();
            front.awaitUsed(0);
            front.awaitUsed(1);
            if (i % 2 == 0) {
                front.offer(second, 4096, 0, FrontEndModel.OUT, 50, 100 + i);
                front.awaitUsed(0);
                assertThat(volume.bytes().getByte(50 * 4096)).isEqualTo((byte) (100 + i));
            }
        }
    }

    @Test
    void shouldAddAndRemoveRegionsOneByOne() throws Exception {
        connect();
        assertThat(front.ask(FrontEndModel.GET_MAX_MEM_SLOTS).readLongLE()).isGreaterThanOrEqualTo(32);
        FrontEndModel.Region second = front.memory(0x4000_0000, MIB);
        assertThat(front.tell(FrontEndModel.ADD_MEM_REG, FrontEndModel.single(second), second.fd()))
                .isTrue();
        front.offer(second, 0, 0, FrontEndModel.OUT, 50, 1);
        front.awaitUsed(0);
        assertThat(front.tell(FrontEndModel.ADD_MEM_REG, FrontEndModel.single(second), second.fd()))
                .as("overlaps itself")
                .isFalse();
        assertThat(front.tell(FrontEndModel.REM_MEM_REG, FrontEndModel.single(second)))
                .isTrue();
        assertThat(front.tell(FrontEndModel.REM_MEM_REG, FrontEndModel.single(second)))
                .isFalse();
        write(0, 51, 2);
        front.offer(second, 0, 0, FrontEndModel.OUT, 52, 1);
        awaitBroken(0);
        write(1, 53, 3);
    }

    private void awaitBroken(int ring) throws TimeoutException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (!front.signalled(front.errors.get(ring))) {
            FrontEndModel.pause(deadlineNs);
        }
    }

    @Test
    void shouldReachAllOfASparseRegionOfSixGib() throws Exception {
        long length = 6L << 30;
        int fd = Linux.memoryFile("large");
        Linux.truncate(fd, length);
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, 1, 0);
        List<FrontEndModel.Region> table = new ArrayList<>(front.regions);
        table.add(new FrontEndModel.Region(1L << 32, length, 0, fd, null));
        assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(table), FrontEndModel.fds(table)))
                .isTrue();
        front.describe(0, 0);
        front.enable(0);
        for (long edge : new long[] {0x1000, 1L << 30, 2L << 30, 3L << 30, 4L << 30, 5L << 30, length - 0x1000}) {
            ByteBuffer window = Linux.wrapNio(Linux.mapShared(fd, 0x4000, edge - 0x1000, true), 0x2000);
            for (int i = 0; i < 0x2000; i++) {
                window.put(i, (byte) ((edge >>> 28) ^ (i >> 8)));
            }
            long guest = (1L << 32) + edge;
            memory.memory().putInt(DATA, FrontEndModel.OUT).putLong(DATA + 8, 8);
            DriverModel driver = front.rings.get(0);
            // 4 KiB from 2 KiB before the edge to 2 KiB behind it
            driver.offer(driver.chain(List.of(
                    new Piece(memory.guest() + DATA, 16, false),
                    new Piece(guest - 2048, 4096, false),
                    new Piece(memory.guest() + DATA + 64, 1, true))));
            if (driver.show()) {
                front.kick(0);
            }
            front.awaitUsed(0);
            assertThat(memory.memory().get(DATA + 64)).isZero();
            for (int i = 0; i < 4096; i += 256) {
                assertThat(volume.bytes().getByte(4096 + i)).isEqualTo((byte) ((edge >>> 28) ^ ((2048 + i) >> 8)));
            }
        }
        Linux.close(fd);
    }

    @Test
    void shouldCutAFrontEndOffAndGoOnWithOthersWhenItsMemoryShrinks() throws Exception {
        connect();
        Path otherPath = folder.resolve("t");
        VhostUserDevice other = open(otherPath);
        Linux.truncate(memory.fd(), 0);
        for (int ring = 0; ring < 2; ring++) {
            front.kick(ring);
        }
        front.awaitEnd();
        front.close();
        path = otherPath;
        connect();
        write(0, 3, 3);
        read(1, 3, 3);
        front.close();
        front = null;
        path = folder.resolve("s");
        close(other);
    }
}
