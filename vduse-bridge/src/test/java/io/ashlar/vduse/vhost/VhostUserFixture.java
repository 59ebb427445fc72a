package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.device.HeldDevice;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A device and a front end of our own: real sockets, real loops, real shared memory. */
abstract class VhostUserFixture {
    static final int WAIT_SECONDS = 60;
    static final int MIB = 1 << 20;
    static final int DATA = 1 << 16;

    @TempDir
    Path folder;

    VhostStand stand;
    HeldDevice volume;
    VhostUserDevice device;
    Path path;
    FrontEndModel front;
    FrontEndModel.Region memory;
    int nextRequest;

    @BeforeEach
    void start() throws Exception {
        stand = new VhostStand();
        volume = new HeldDevice(MIB);
        path = folder.resolve("s");
        device = open(path);
    }

    VhostUserDevice open(Path at) throws Exception {
        return open(at, 1);
    }

    VhostUserDevice open(Path at, long incarnation) throws Exception {
        return stand.open("test", volume, at, incarnation);
    }

    <T> T onControl(Callable<T> task) throws Exception {
        return stand.onControl(task);
    }

    @AfterEach
    void end() throws Exception {
        volume.letGo();
        if (front != null) {
            front.close();
        }
        close(device);
        assertThat(path).doesNotExist();
        stand.close();
    }

    void close(VhostUserDevice closing) {
        stand.close(closing);
    }

    /** Connects a front end with one region of memory and both rings served. */
    void connect() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, 2, 0);
        front.setMemory();
        for (int ring = 0; ring < 2; ring++) {
            front.describe(ring, 0);
            front.enable(ring);
        }
    }

    int offer(int ring, int type, int block, int fill) {
        return front.offer(memory, DATA + 3 * 4096 * (nextRequest++ % 64), ring, type, block, fill);
    }

    void write(int ring, int block, int fill) throws Exception {
        int at = offer(ring, FrontEndModel.OUT, block, fill);
        front.awaitUsed(ring);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(volume.bytes().getByte(block * 4096 + 4095)).isEqualTo((byte) fill);
    }

    void read(int ring, int block, int expected) throws Exception {
        int at = offer(ring, FrontEndModel.IN, block, 0);
        front.awaitUsed(ring);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(memory.memory().get(at + 4096)).isEqualTo((byte) expected);
    }
}
