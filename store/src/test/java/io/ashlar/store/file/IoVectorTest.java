package io.ashlar.store.file;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.netty.buffer.ByteBuf;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IoVectorTest {
    @TempDir
    Path folder;

    private final IoVector vector = new IoVector();
    private final List<Long> calls = new ArrayList<>();

    /** Writes a memory of so many bytes from pieces cut at random, and returns what the file holds. */
    private byte[] write(ByteBuf memory, int length, int pieceMax) throws Exception {
        Path path = folder.resolve("file");
        Random random = new Random(7);
        vector.clear();
        for (int at = 0; at < length; ) {
            int piece = Math.min(length - at, 1 + random.nextInt(pieceMax));
            vector.add(memory.memoryAddress() + at, piece);
            at += piece;
        }
        StorageFile file = new LinuxStorageIo().open(path, StorageIo.Mode.CREATE);
        try {
            assertThat(vector.writeTo(counting(file), 0)).isZero();
        } finally {
            assertThat(file.close()).isZero();
        }
        return Files.readAllBytes(path);
    }

    private StorageFile counting(StorageFile file) {
        return new ForwardingStorageIo.ForwardingFile(file) {
            @Override
            public long writeVector(long iov, int iovCount, long offset) {
                long written = super.writeVector(iov, iovCount, offset);
                calls.add(written);
                return written;
            }
        };
    }

    @Test
    void shouldWriteLongRequestsInPiecesThatThePageCacheKeepsSmall() throws Exception {
        int length = 1 << 20;
        ByteBuf memory = Scratch.allocate(length);
        for (int i = 0; i < length; i++) {
            memory.setByte(i, i / BlockGeometry.BLOCK_BYTES + i);
        }
        for (int pieceMax : new int[] {4096, IoVector.WRITE_BYTES_MAX, length}) {
            calls.clear();
            byte[] written = write(memory, length, pieceMax);
            assertThat(written).isEqualTo(bytes(memory, length));
            assertThat(calls).allSatisfy(bytes -> assertThat(bytes).isBetween(1L, (long) IoVector.WRITE_BYTES_MAX));
        }
    }

    private static byte[] bytes(ByteBuf memory, int length) {
        byte[] bytes = new byte[length];
        memory.getBytes(0, bytes);
        return bytes;
    }
}
