package io.ashlar.client.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.seed.TestSeed;
import io.ashlar.base.status.Status;
import io.ashlar.client.fake.Attached;
import io.ashlar.client.fake.FakeNode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * Four loops write, read and flush the same few blocks while the node is killed, cut off and falls silent. Each block
 * counts its writes: a writer reads the counter, and writes the next number. No write may be lost, come back, or be
 * seen in part.
 */
class RemoteVolumeChaosTest {
    private static final int LOOPS = 4;
    private static final int BLOCKS_PER_LOOP = 8;
    private static final int ROUNDS = 1500;

    private final long seed = TestSeed.get();
    private final FakeNode node = new FakeNode(LOOPS * BLOCKS_PER_LOOP * BlockGeometry.BLOCK_BYTES, 512);
    private final EpollLoops loops = EpollLoops.floating("chaos", LOOPS);

    @Test
    void shouldLoseAndReorderNothingWhenTheNodeIsKilledAgainAndAgain() throws Exception {
        node.recording = false;
        RemoteVolume volume =
                RemoteVolume.open(Attached.options(node), loops.all().get(0));
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < LOOPS; i++) {
            EpollLoop loop = loops.all().get(i);
            int index = i;
            clients.add(CompletableFuture.supplyAsync(() -> new Client(volume, loop, index), loop::execute)
                    .get(10, TimeUnit.SECONDS));
        }
        clients.forEach(client -> client.loop.execute(client::next));
        Random random = new Random(seed);
        while (clients.stream().anyMatch(client -> !client.over.isDone())) {
            Thread.sleep(5 + random.nextInt(30));
            switch (random.nextInt(3)) {
                case 0 -> node.disconnect();
                case 1 -> {
                    node.kill();
                    Thread.sleep(random.nextInt(20));
                    node.listen();
                }
                default -> {
                    node.swallow = request -> request.offset() % 8192 == 0;
                    Thread.sleep(2);
                    node.swallow = request -> false;
                    node.disconnect();
                }
            }
        }
        for (Client client : clients) {
            assertThat(client.over.get(60, TimeUnit.SECONDS))
                    .as("seed=%d", seed)
                    .isEqualTo(Status.OK);
        }
        assertThat(volume.counters().resent()).as("seed=%d", seed).isPositive();
        volume.close();
        loops.close();
        clients.forEach(Client::free);
        node.close();
    }

    /** Goes on with one block after the other of its own, and reads those of others, which must be whole. */
    private final class Client {
        private final EpollLoop loop;
        private final int index;
        private final BlockQueue queue;
        private final Random random;
        private final CompletableFuture<Status> over = new CompletableFuture<>();
        private final ByteBuf memory = Unpooled.directBuffer(BlockGeometry.BLOCK_BYTES);
        private final ScatterList list = new ScatterList(2);
        private final long[] written = new long[BLOCKS_PER_LOOP];
        private final Request request = new Request();
        private int rounds;
        private int block;

        Client(RemoteVolume volume, EpollLoop loop, int index) {
            this.loop = loop;
            this.index = index;
            random = new Random(seed + index);
            queue = volume.openQueue(loop, this::next);
            memory.writeZero(BlockGeometry.BLOCK_BYTES);
            list.add(memory, 0, 1024);
            list.add(memory, 1024, 3072);
        }

        void next() {
            if (request.inFlight || over.isDone()) {
                return;
            }
            if (++rounds > ROUNDS) {
                queue.close();
                over.complete(Status.OK);
                return;
            }
            block = index * BLOCKS_PER_LOOP + random.nextInt(BLOCKS_PER_LOOP);
            switch (random.nextInt(8)) {
                case 0 -> request.set(Operation.FLUSH, 0, 0, 0);
                case 1, 2, 3 -> {
                    block = random.nextInt(LOOPS * BLOCKS_PER_LOOP);
                    data(Operation.READ);
                }
                case 4 -> data(Operation.READ);
                default -> {
                    written[block % BLOCKS_PER_LOOP]++;
                    for (int i = 0; i < BlockGeometry.BLOCK_BYTES; i += 8) {
                        memory.setLong(i, written[block % BLOCKS_PER_LOOP]);
                    }
                    data(Operation.WRITE);
                }
            }
            request.inFlight = true;
            queue.submit(request);
            queue.endBatch();
        }

        private void data(Operation operation) {
            request.setData(operation, (long) block * BlockGeometry.BLOCK_BYTES, list, 0);
        }

        private void check() {
            long first = memory.getLong(0);
            for (int i = 8; i < BlockGeometry.BLOCK_BYTES; i += 8) {
                if (memory.getLong(i) != first) {
                    throw new AssertionError("block " + block + " is torn");
                }
            }
            if (block / BLOCKS_PER_LOOP == index && first != written[block % BLOCKS_PER_LOOP]) {
                throw new AssertionError(
                        "block " + block + " has write " + first + ", not " + written[block % BLOCKS_PER_LOOP]);
            }
        }

        void free() {
            memory.release();
        }

        private final class Request extends BlockRequest {
            private boolean inFlight;

            @Override
            protected void onComplete(Status status) {
                inFlight = false;
                try {
                    assertThat(status).isEqualTo(Status.OK);
                    if (operation() == Operation.READ) {
                        check();
                    }
                } catch (AssertionError e) {
                    over.completeExceptionally(e);
                }
            }
        }
    }
}
