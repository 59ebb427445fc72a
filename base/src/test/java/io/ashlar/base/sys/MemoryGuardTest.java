package io.ashlar.base.sys;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.checksum.Crc32c;
import io.netty.buffer.ByteBuf;
import org.junit.jupiter.api.Test;

/** Each of these ends the whole test process where the guard does not work. */
class MemoryGuardTest {
    private static final int BYTES = 1 << 20;
    private static final int ROUNDS = 20_000;

    @Test
    void shouldGoOnWithZeroesWhenAFileShrinksUnderTheChecksumOfItsMapping() {
        int fd = Linux.memoryFile("guarded");
        Linux.truncate(fd, BYTES);
        long address = Linux.mapShared(fd, BYTES, 0, true);
        int entry = MemoryGuard.get().guard(address, BYTES);
        assertThat(entry).isNotNegative();
        ByteBuf memory = Linux.wrap(address, BYTES);
        memory.setLongLE(BYTES - 8, 42);
        Crc32c crc = new Crc32c();
        int full = 0;
        for (int i = 0; i < ROUNDS; i++) { // until it is compiled, with the machine's own instructions inside
            full = crc.compute(memory, BYTES - 64, 64);
        }
        assertThat(MemoryGuard.get().vanished(entry)).isFalse();
        Linux.truncate(fd, 0);
        int empty = crc.compute(memory, BYTES - 64, 64);
        assertThat(empty).isNotEqualTo(full);
        assertThat(MemoryGuard.get().vanished(entry)).isTrue();
        assertThat(memory.getLongLE(BYTES - 8)).isZero();
        Linux.truncate(fd, BYTES);
        memory.setLongLE(0, 7);
        assertThat(Linux.wrap(Linux.mapShared(fd, BYTES, 0, false), BYTES).getLongLE(0))
                .as("the file is out of reach, even where it has grown again")
                .isZero();
        MemoryGuard.get().release(entry);
        Linux.unmap(address, BYTES);
        Linux.close(fd);
    }

    @Test
    void shouldGuardEachMappingByItselfWhenThereAreAsManyAsThereCanBe() {
        int fd = Linux.memoryFile("many");
        Linux.truncate(fd, 4096);
        long[] addresses = new long[MemoryGuard.MAPPINGS_MAX];
        int[] entries = new int[MemoryGuard.MAPPINGS_MAX];
        for (int i = 0; i < addresses.length; i++) {
            addresses[i] = Linux.mapShared(fd, 4096, 0, true);
            entries[i] = MemoryGuard.get().guard(addresses[i], 4096);
            assertThat(entries[i]).isNotNegative();
        }
        assertThat(MemoryGuard.get().guard(addresses[0], 4096)).isEqualTo(-1);
        Linux.truncate(fd, 0);
        int last = addresses.length - 1;
        assertThat(Linux.wrap(addresses[last], 4096).getByte(4095)).isZero();
        assertThat(MemoryGuard.get().vanished(entries[last])).isTrue();
        assertThat(MemoryGuard.get().vanished(entries[last - 1])).isFalse();
        for (int i = 0; i < addresses.length; i++) {
            MemoryGuard.get().release(entries[i]);
            Linux.unmap(addresses[i], 4096);
        }
        Linux.close(fd);
    }

    @Test
    @SuppressWarnings("EmptyCatch")
    void shouldLeaveOtherFaultsToTheJavaMachineWhenTheyAreNotGuarded() throws Exception {
        int fd = Linux.memoryFile("foreign");
        Linux.truncate(fd, 4096);
        long address = Linux.mapShared(fd, 4096, 0, true);
        ByteBuf memory = Linux.wrap(address, 4096);
        Linux.truncate(fd, 0);
        boolean[] thrown = new boolean[1];
        Thread thread = new Thread(() -> {
            try {
                memory.getLongLE(0);
                Thread.sleep(1);
            } catch (InternalError | InterruptedException e) {
                thrown[0] = e instanceof InternalError;
            }
        });
        thread.start();
        thread.join();
        assertThat(thrown[0]).isTrue();
        Linux.unmap(address, 4096);
        Linux.close(fd);
    }

    @Test
    void shouldTellASealedFileFromOneThatMayShrink() throws Exception {
        int fd = Linux.memoryFile("sealed");
        Linux.truncate(fd, 4096);
        assertThat(Linux.isSealedAgainstShrinking(fd)).isFalse();
        assertThat(Linux.sealAgainstShrinking(fd)).isZero();
        assertThat(Linux.isSealedAgainstShrinking(fd)).isTrue();
        assertThat(Linux.truncate(fd, 0)).isEqualTo(-Errno.EPERM);
        assertThat(Linux.isInMemory(fd)).isTrue();
        assertThat(FileFacts.of(fd).sizeBytes()).isEqualTo(4096);
        Linux.close(fd);
    }
}
