package io.ashlar.base.sys;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LinuxTest {
    @TempDir
    Path folder;

    @Test
    void shouldSeverASharedMappingWhenPrivateMemoryIsMovedOverIt() {
        int fd = Linux.open(folder.resolve("s").toString(), OpenFlags.READ_WRITE | OpenFlags.CREATE, 0600);
        assertThat(Linux.fallocate(fd, FallocateMode.ALLOCATE, 0, 8192)).isZero();
        long address = Linux.mapShared(fd, 8192, 0, true);
        ByteBuf view = Linux.wrap(address, 8192);
        view.setLongLE(4096, 7);
        long copy = Linux.mapAnonymous(8192);
        assertThat(copy).isPositive();
        Linux.wrap(copy, 8192).setBytes(0, view, 0, 8192);
        assertThat(Linux.moveMapping(copy, 8192, address)).isZero();
        assertThat(view.getLongLE(4096)).as("same bytes at the same address").isEqualTo(7);
        view.setLongLE(4096, 8);
        ByteBuf in = Unpooled.directBuffer(8).writeZero(8);
        assertThat(Linux.pread(fd, in.memoryAddress(), 8, 4096)).isEqualTo(8);
        assertThat(in.getLongLE(0)).as("the file no longer changes").isEqualTo(7);
        assertThat(Linux.unmap(address, 8192)).isZero();
        Linux.close(fd);
        in.release();
    }

    @Test
    void shouldReadBackWhatWasWrittenWhenAddressesComeFromBuffers() {
        int fd = Linux.open(folder.resolve("f").toString(), OpenFlags.READ_WRITE | OpenFlags.CREATE, 0600);
        assertThat(fd).isNotNegative();
        ByteBuf out = Unpooled.directBuffer(16).writeBytes("ashlar".getBytes(StandardCharsets.US_ASCII));
        ByteBuf in = Unpooled.directBuffer(16).writeZero(16);
        assertThat(Linux.pwrite(fd, out.memoryAddress(), 6, 4096)).isEqualTo(6);
        assertThat(Linux.fdatasync(fd)).isZero();
        assertThat(Linux.pread(fd, in.memoryAddress(), 16, 4094)).isEqualTo(8);
        assertThat(in.toString(2, 6, StandardCharsets.US_ASCII)).isEqualTo("ashlar");
        assertThat(Linux.close(fd)).isZero();
        out.release();
        in.release();
    }

    @Test
    void shouldReturnNegativeErrnoWhenTheKernelRefuses() {
        assertThat(Linux.open(folder.resolve("absent/f").toString(), OpenFlags.READ_ONLY, 0))
                .isEqualTo(-Errno.ENOENT);
        assertThat(Linux.pread(-1, 0, 0, 0)).isEqualTo(-9);
    }

    @Test
    void shouldSeeTheSameBytesWhenAFileIsMappedAndWrapped() {
        int fd = Linux.open(folder.resolve("m").toString(), OpenFlags.READ_WRITE | OpenFlags.CREATE, 0600);
        assertThat(Linux.fallocate(fd, FallocateMode.ALLOCATE, 0, 8192)).isZero();
        long address = Linux.mapShared(fd, 8192, 0, true);
        assertThat(address).isPositive();
        ByteBuf mapped = Linux.wrap(address, 8192);
        mapped.setLongLE(5000, 0x1122334455667788L);
        ByteBuf in = Unpooled.directBuffer(8).writeZero(8);
        assertThat(Linux.pread(fd, in.memoryAddress(), 8, 5000)).isEqualTo(8);
        assertThat(in.getLongLE(0)).isEqualTo(0x1122334455667788L);
        assertThat(mapped.hasMemoryAddress()).isTrue();
        assertThat(mapped.memoryAddress()).isEqualTo(address);
        assertThat(Linux.unmap(address, 8192)).isZero();
        Linux.close(fd);
        in.release();
    }

    @Test
    void shouldPassFiveArgumentsRightWhenReadingThroughAnIovec() {
        int fd = Linux.open(folder.resolve("v").toString(), OpenFlags.READ_WRITE | OpenFlags.CREATE, 0600);
        ByteBuf out = Unpooled.directBuffer(8).writeLongLE(42);
        Linux.pwrite(fd, out.memoryAddress(), 8, 1L << 33);
        ByteBuf in = Unpooled.directBuffer(8).writeZero(8);
        ByteBuf iov = Unpooled.directBuffer(16).writeLongLE(in.memoryAddress()).writeLongLE(8);
        assertThat(Linux.preadv2(fd, iov.memoryAddress(), 1, 1L << 33, 0)).isEqualTo(8);
        assertThat(in.getLongLE(0)).isEqualTo(42);
        Linux.close(fd);
        out.release();
        in.release();
        iov.release();
    }

    @Test
    void shouldCountBlocksOnDiskWhenAFileIsSparse() {
        Path path = folder.resolve("s");
        int fd = Linux.open(path.toString(), OpenFlags.READ_WRITE | OpenFlags.CREATE, 0600);
        assertThat(Linux.truncate(fd, 1 << 20)).isZero();
        assertThat(path.toFile()).hasSize(1 << 20);
        assertThat(Linux.allocatedBytes(path.toString())).isZero();
        assertThat(Linux.fallocate(fd, FallocateMode.ALLOCATE, 0, 8192)).isZero();
        assertThat(Linux.allocatedBytes(path.toString())).isGreaterThanOrEqualTo(8192);
        assertThat(Linux.allocatedBytes(folder.resolve("absent").toString())).isEqualTo(-Errno.ENOENT);
        Linux.close(fd);
    }

    @Test
    void shouldAnswerPrctlWhenGivenFiveArguments() {
        assertThat(Linux.prctl(3, 0)).as("PR_GET_DUMPABLE").isBetween(0, 2);
    }

    @Test
    void shouldTellAFullCounterFromOneThatHasRoom() {
        int fd = Linux.eventfd();
        ByteBuf number = Unpooled.directBuffer(8).setLongLE(0, -2);
        assertThat(Linux.isWritable(fd)).isTrue();
        assertThat(Linux.write(fd, number.memoryAddress(), 8)).isEqualTo(8);
        assertThat(Linux.isWritable(fd)).isFalse();
        assertThat(Linux.read(fd, number.memoryAddress(), 8)).isEqualTo(8);
        assertThat(Linux.isWritable(fd)).isTrue();
        number.release();
        Linux.close(fd);
    }
}
