package io.ashlar.base.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.loop.Loop;
import io.ashlar.base.seed.TestSeed;
import io.ashlar.base.status.Status;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What every {@link BlockDevice} keeps. A subclass says how to build one; requests are cut by a {@link RegionSplitter},
 * so that a device may rely on the region rule.
 */
public abstract class BlockDeviceContract {
    /** Size of the device under test: a few regions, and a tail that ends inside one. */
    protected static final int SIZE_BYTES = 5 * BlockGeometry.REGION_BYTES + 16 * BlockGeometry.BLOCK_BYTES;

    private BlockDevice device;
    private Loop loop;
    private BlockQueue queue;

    /** Opens a new, zeroed device of {@link #SIZE_BYTES}. */
    protected abstract BlockDevice createDevice(int logicalBlockBytes) throws Exception;

    /** Returns the loop that the queue is opened on. */
    protected abstract Loop loop();

    /** Lets the loop work until the request is done; called off the loop. */
    protected abstract void await(TestRequest request) throws Exception;

    /** Returns the block size that this run of the contract uses. */
    protected int logicalBlockBytes() {
        return 512;
    }

    @BeforeEach
    void openDevice() throws Exception {
        device = createDevice(logicalBlockBytes());
        loop = loop();
        queue = onLoop(() -> new RegionSplitter(device.openQueue(loop, () -> {}), 16, 64));
    }

    @AfterEach
    void closeDevice() throws Exception {
        if (device != null) {
            onLoop(() -> {
                queue.close();
                return null;
            });
            device.close();
        }
    }

    private <T> T onLoop(Supplier<T> work) throws Exception {
        if (loop.inLoop()) {
            return work.get();
        }
        CompletableFuture<T> done = new CompletableFuture<>();
        loop.execute(() -> {
            try {
                done.complete(work.get());
            } catch (RuntimeException | Error e) {
                done.completeExceptionally(e);
            }
        });
        return done.get(30, TimeUnit.SECONDS);
    }

    /** Runs one request to its end and returns its status. */
    protected final Status run(TestRequest request) throws Exception {
        onLoop(() -> {
            queue.submit(request);
            queue.endBatch();
            return null;
        });
        await(request);
        return request.status();
    }

    private byte[] read(long offset, int length) throws Exception {
        TestRequest request = TestRequest.read(offset, length, 4096);
        assertThat(run(request)).isEqualTo(Status.OK);
        byte[] bytes = request.bytes();
        request.free();
        return bytes;
    }

    private void write(long offset, byte[] bytes) throws Exception {
        TestRequest request = TestRequest.write(offset, bytes, 4096 + 512, 0);
        assertThat(run(request)).isEqualTo(Status.OK);
        request.free();
    }

    private static byte[] filled(int length, int value) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    @Test
    void shouldReadZeroesWhenNothingWasWritten() throws Exception {
        assertThat(read(BlockGeometry.REGION_BYTES - 4096, 8192)).containsOnly(0);
    }

    @Test
    void shouldReadBackWhatWasWrittenWhenItCrossesARegion() throws Exception {
        byte[] bytes = new byte[96 * 1024];
        new Random(7).nextBytes(bytes);
        write(BlockGeometry.REGION_BYTES - 40 * 1024, bytes);
        assertThat(read(BlockGeometry.REGION_BYTES - 40 * 1024, bytes.length)).isEqualTo(bytes);
    }

    @Test
    void shouldKeepNeighboursWhenAPartOfABlockIsWritten() throws Exception {
        write(0, filled(12288, 1));
        int unit = logicalBlockBytes();
        write(4096, filled(unit, 2));
        byte[] bytes = read(0, 12288);
        for (int i = 0; i < bytes.length; i++) {
            int expected = i >= 4096 && i < 4096 + unit ? 2 : 1;
            assertThat(bytes[i]).as("byte %d", i).isEqualTo((byte) expected);
        }
    }

    @Test
    void shouldZeroExactlyTheRangeWhenWritingZeroes() throws Exception {
        int unit = logicalBlockBytes();
        write(0, filled(16384, 3));
        assertThat(run(TestRequest.of(Operation.WRITE_ZEROES, unit, 16384 - 2L * unit, BlockRequest.UNMAP)))
                .isEqualTo(Status.OK);
        byte[] bytes = read(0, 16384);
        for (int i = 0; i < bytes.length; i++) {
            int expected = i < unit || i >= 16384 - unit ? 3 : 0;
            assertThat(bytes[i]).as("byte %d", i).isEqualTo((byte) expected);
        }
    }

    @Test
    void shouldZeroOnlyWholeBlocksWhenDiscarding() throws Exception {
        int unit = logicalBlockBytes();
        write(0, filled(16384, 4));
        assertThat(run(TestRequest.of(Operation.DISCARD, unit, 16384 - 2L * unit, 0)))
                .isEqualTo(Status.OK);
        byte[] bytes = read(0, 16384);
        int edge = 4096; // a 512-byte edge lies inside a block, which then stays whole
        for (int i = 0; i < bytes.length; i++) {
            int expected = i < edge || i >= 16384 - edge ? 4 : 0;
            assertThat(bytes[i]).as("byte %d", i).isEqualTo((byte) expected);
        }
    }

    @Test
    void shouldAcceptWritesWhenBlocksWereDiscardedBefore() throws Exception {
        write(0, filled(8192, 5));
        assertThat(run(TestRequest.of(Operation.DISCARD, 0, 8192, 0))).isEqualTo(Status.OK);
        write(4096, filled(4096, 6));
        assertThat(read(0, 4096)).containsOnly(0);
        assertThat(read(4096, 4096)).containsOnly(6);
    }

    @Test
    void shouldFlushAndHonourFuaWhenAsked() throws Exception {
        TestRequest fua = TestRequest.write(8192, filled(4096, 7), 4096, BlockRequest.FUA);
        assertThat(run(fua)).isEqualTo(Status.OK);
        fua.free();
        assertThat(run(TestRequest.of(Operation.FLUSH, 0, 0, 0))).isEqualTo(Status.OK);
        assertThat(read(8192, 4096)).containsOnly(7);
    }

    @Test
    void shouldReachTheLastByteWhenTheVolumeEndsInsideARegion() throws Exception {
        write(SIZE_BYTES - 4096, filled(4096, 8));
        assertThat(read(SIZE_BYTES - 8192, 8192)).endsWith(filled(4096, 8));
    }

    @Test
    void shouldMatchAnArrayWhenRequestsAreRandom() throws Exception {
        long seed = TestSeed.get();
        Random random = new Random(seed);
        byte[] model = new byte[SIZE_BYTES];
        int unit = logicalBlockBytes();
        for (int i = 0; i < 200; i++) {
            int units = 1 + random.nextInt(random.nextInt(10) == 0 ? 400 * 1024 / unit : 48);
            int offset = random.nextInt(SIZE_BYTES / unit - units + 1) * unit;
            int length = units * unit;
            switch (random.nextInt(5)) {
                case 0, 1 -> {
                    byte[] bytes = new byte[length];
                    random.nextBytes(bytes);
                    TestRequest request = TestRequest.write(offset, bytes, 64 * 1024, 0);
                    assertThat(run(request)).as("seed=%d", seed).isEqualTo(Status.OK);
                    request.free();
                    System.arraycopy(bytes, 0, model, offset, length);
                }
                case 2 -> {
                    assertThat(run(TestRequest.of(Operation.WRITE_ZEROES, offset, length, 0)))
                            .as("seed=%d", seed)
                            .isEqualTo(Status.OK);
                    Arrays.fill(model, offset, offset + length, (byte) 0);
                }
                case 3 -> {
                    assertThat(run(TestRequest.of(Operation.DISCARD, offset, length, 0)))
                            .as("seed=%d", seed)
                            .isEqualTo(Status.OK);
                    int from = (int) BlockGeometry.blockCeiling(offset);
                    int to = (int) BlockGeometry.blockFloor(offset + length);
                    Arrays.fill(model, from, Math.max(from, to), (byte) 0);
                }
                default -> {
                    TestRequest request = TestRequest.read(offset, length, 64 * 1024);
                    assertThat(run(request)).as("seed=%d", seed).isEqualTo(Status.OK);
                    assertThat(Arrays.equals(request.bytes(), 0, length, model, offset, offset + length))
                            .as("seed=%d step=%d offset=%d length=%d", seed, i, offset, length)
                            .isTrue();
                    request.free();
                }
            }
        }
    }
}
