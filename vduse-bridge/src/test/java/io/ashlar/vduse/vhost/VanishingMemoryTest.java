package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.ashlar.base.sys.Linux;
import io.ashlar.vduse.device.HeldDevice;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;

/**
 * A guest's memory file is truncated again and again while large writes of the guest are in flight, and another guest's volume is
 * written and read without a pause. That this process lives at the end is a part of what is tested.
 */
@Timeout(180)
class VanishingMemoryTest {
    private static final long SEED = new Random().nextLong();
    private static final int ROUNDS = 4;
    private static final int MIB = 1 << 20;
    private static final int PAGE = 4096;
    private static final int SEGMENT = 128 << 10;
    private static final int WRITES_PER_RING = 5;
    private static final long RINGS_AT = 0x10_0000;
    private static final long DATA_AT = 0x4000_0000;
    /** Of headers and status bytes, behind the rings. */
    private static final int HEADERS = 1 << 16;

    private static final int STATUS = 32;

    /** What is truncated, and when. */
    enum Moment {
        /** The data, while the writes are with the volume. */
        DATA_OF_WRITES_THAT_WAIT,
        /** Rings and data, while the writes are with the volume. */
        RINGS_AND_DATA_OF_WRITES_THAT_WAIT,
        /** The data, while the loops serve one write after the other. */
        DATA_OF_WRITES_THAT_FLOW
    }

    @TempDir
    Path folder;

    private final Random random = new Random(SEED);
    private final SlowDevice volume = new SlowDevice(4 * MIB);
    private FrontEndModel front;
    private FrontEndModel.Region rings;
    private FrontEndModel.Region data;

    /** Another guest, on a thread of its own. */
    private static final class Neighbour {
        private final HeldDevice volume = new HeldDevice(MIB);
        private final AtomicLong passes = new AtomicLong();
        private final CompletableFuture<Void> ended;
        private volatile boolean enough;

        Neighbour(VhostStand stand, Path path) throws Exception {
            stand.open("neighbour", volume, path);
            ended = CompletableFuture.runAsync(() -> run(path), task -> new Thread(task, "neighbour").start());
        }

        private void run(Path path) {
            try (FrontEndModel front = new FrontEndModel(path)) {
                front.negotiate();
                FrontEndModel.Region memory = front.memory(RINGS_AT, MIB);
                front.rings(memory, VhostStand.QUEUES, 0);
                front.setMemory();
                start(front);
                while (!enough) {
                    pass(front, memory, (int) passes.get());
                    passes.incrementAndGet();
                }
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }

        /** Writes sixteen blocks over both rings, and reads them back over the other one each. */
        private static void pass(FrontEndModel front, FrontEndModel.Region memory, int pass) throws TimeoutException {
            for (int type : new int[] {FrontEndModel.OUT, FrontEndModel.IN}) {
                for (int i = 0; i < 16; i++) {
                    int at = HEADERS + 3 * PAGE * i;
                    int fill = type == FrontEndModel.OUT ? pass + i : ~(pass + i);
                    front.offer(memory, at, (i + type) % 2, type, 16 * (pass % 16) + i, fill);
                }
                for (int i = 0; i < 16; i++) {
                    front.awaitUsed((i + type) % 2);
                }
                for (int i = 0; i < 16; i++) {
                    int at = HEADERS + 3 * PAGE * i;
                    assertThat(memory.memory().get(at + 2 * PAGE)).isZero();
                    for (int k = PAGE; k < 2 * PAGE; k++) {
                        assertThat(memory.memory().get(at + k) == (byte) (pass + i))
                                .as("pass %d, block %d, byte %d", pass, i, k - PAGE)
                                .isTrue();
                    }
                }
            }
        }

        void awaitPasses(int count) throws TimeoutException {
            long until = passes.get() + count;
            VhostStand.await(() -> passes.get() >= until || ended.isDone());
            assertThat(ended.isCompletedExceptionally()).isFalse();
        }

        void end() throws Exception {
            enough = true;
            ended.get(60, TimeUnit.SECONDS);
        }
    }

    private static void start(FrontEndModel front) throws Exception {
        for (int ring = 0; ring < VhostStand.QUEUES; ring++) {
            front.describe(ring, 0);
            front.enable(ring);
        }
    }

    private void connect(Path path) throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        rings = front.memory(RINGS_AT, MIB);
        data = front.memory(DATA_AT, MIB);
        front.rings(rings, VhostStand.QUEUES, 0);
        front.setMemory();
        start(front);
    }

    /** Offers a write of all the data; touches the rings' memory only. */
    private void offer(int ring, int number) {
        int at = HEADERS + 64 * (16 * ring + number);
        rings.memory().putInt(at, FrontEndModel.OUT).putInt(at + 4, 0).putLong(at + 8, 0);
        rings.memory().put(at + STATUS, (byte) 0xEE);
        List<Piece> pieces = new ArrayList<>();
        pieces.add(new Piece(RINGS_AT + at, 16, false));
        for (int from = 0; from < MIB; from += SEGMENT) {
            pieces.add(new Piece(DATA_AT + from, SEGMENT, false));
        }
        pieces.add(new Piece(RINGS_AT + at + STATUS, 1, true));
        DriverModel driver = front.rings.get(ring);
        driver.offer(driver.chain(pieces));
        if (driver.show()) {
            front.kick(ring);
        }
    }

    private void offerAll() {
        for (int i = 0; i < WRITES_PER_RING; i++) {
            for (int ring = 0; ring < VhostStand.QUEUES; ring++) {
                offer(ring, i);
            }
        }
    }

    private void truncateData() {
        Linux.truncate(data.fd(), (long) PAGE * random.nextInt(MIB / PAGE / 2));
    }

    private void truncateWhileTheyWait(Moment moment) throws Exception {
        volume.hold();
        offerAll();
        VhostStand.await(() -> volume.inFlight() == VhostStand.QUEUES * WRITES_PER_RING);
        truncateData();
        if (moment == Moment.RINGS_AND_DATA_OF_WRITES_THAT_WAIT) {
            Linux.truncate(rings.fd(), 0);
        }
        volume.letGo();
    }

    private void truncateWhileTheyFlow() throws Exception {
        offerAll();
        int turns = 1 + random.nextInt(50);
        for (int turn = 0; turn < turns; turn++) {
            int ring = turn % 2;
            front.awaitUsed(ring);
            offer(ring, turn / 2 % WRITES_PER_RING);
        }
        truncateData();
        offer(0, WRITES_PER_RING); // so that it is touched, whatever had ended by then
    }

    @ParameterizedTest
    @EnumSource
    void shouldServeOthersUndisturbedWhenAFrontEndTruncatesItsMemoryUnderLoad(Moment moment) throws Exception {
        Logger logger = (Logger) LoggerFactory.getLogger(FrontEndLog.class);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        logger.addAppender(log);
        logger.setLevel(Level.INFO);
        logger.setAdditive(false);
        try (VhostStand stand = new VhostStand()) {
            VhostUserDevice device = stand.open("shrinking", volume, folder.resolve("s"));
            Path path = folder.resolve("n");
            Neighbour neighbour = new Neighbour(stand, path);
            for (int round = 1; round <= ROUNDS; round++) {
                connect(folder.resolve("s"));
                neighbour.awaitPasses(2);
                if (moment == Moment.DATA_OF_WRITES_THAT_FLOW) {
                    truncateWhileTheyFlow();
                } else {
                    truncateWhileTheyWait(moment);
                }
                front.awaitEnd();
                front.close();
                int reports = round;
                VhostStand.await(() -> linesThatSayWhy(log) == reports);
                neighbour.awaitPasses(2);
            }
            connect(folder.resolve("s"));
            offer(1, 0);
            front.awaitUsed(1);
            assertThat(rings.memory().get(HEADERS + 64 * 16 + STATUS)).isZero();
            assertThat(stand.onControl(device::isConnected)).isTrue();
            neighbour.end();
            front.close();
        } finally {
            logger.detachAppender(log);
            logger.setLevel(null);
            logger.setAdditive(true);
        }
    }

    private static long linesThatSayWhy(ListAppender<ILoggingEvent> log) {
        synchronized (log) {
            return log.list.stream()
                    .filter(line -> line.getFormattedMessage()
                            .equals("shrinking: front end gone: its memory has shrunk under us"))
                    .count();
        }
    }
}
