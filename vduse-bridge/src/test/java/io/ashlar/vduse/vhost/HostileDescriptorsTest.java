package io.ashlar.vduse.vhost;

import static io.ashlar.vduse.vhost.FrontEndModel.number;
import static io.ashlar.vduse.vhost.FrontEndModel.payload;
import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.sys.BlockingEventFd;
import io.ashlar.base.sys.Linux;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.Socket;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Descriptors that are not what they should be: nobody waits for them, and none is changed. */
class HostileDescriptorsTest extends VhostUserFixture {
    @Test
    void shouldRefuseWhatIsNoSocketForItsNewsAndLeaveItsFlagsAlone() throws Exception {
        connect();
        int file = Linux.memoryFile("no socket");
        List<String> before = flags(file);
        assertThat(front.tell(FrontEndModel.SET_BACKEND_REQ_FD, Unpooled.buffer(), file))
                .isFalse();
        assertThat(flags(file)).isEqualTo(before);
        Linux.close(file);
    }

    /** A socket whose closing takes an hour, or until its other end is closed: it lingers on what nobody reads. */
    private static final class Lingering implements AutoCloseable {
        private final Socket server = Socket.newSocketStream();
        private final Socket socket = Socket.newSocketStream();
        private final FileDescriptor other;

        Lingering() throws IOException {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            server.listen(1);
            socket.connect(server.localAddress());
            long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
            int accepted = -1;
            while (accepted < 0 && System.nanoTime() < deadlineNs) {
                accepted = server.accept(new byte[32]);
            }
            assertThat(accepted).isNotNegative();
            other = new FileDescriptor(accepted);
            socket.setSoLinger(3600);
            ByteBuffer bytes = ByteBuffer.allocateDirect(1 << 16);
            while (socket.write(bytes, 0, bytes.capacity()) > 0) {
                bytes.clear();
            }
        }

        int fd() {
            return socket.intValue();
        }

        /** Leaves it to those who have a descriptor of it too. */
        void leave() throws IOException {
            socket.close();
        }

        /** Lets whoever closes it go on. */
        void endLingering() throws IOException {
            other.close();
        }

        @Override
        public void close() throws IOException {
            endLingering();
            server.close();
        }
    }

    @Test
    void shouldGoOnWhileADescriptorThatItRefusesCanNotBeClosed() throws Exception {
        connect();
        try (Lingering lingering = new Lingering()) {
            front.send(FrontEndModel.SET_BACKEND_REQ_FD, 8, Unpooled.buffer(), lingering.fd());
            lingering.leave();
            assertThat(front.receive(FrontEndModel.SET_BACKEND_REQ_FD).readLongLE())
                    .as("refused")
                    .isEqualTo(1);
            write(0, 1, 1); // rings need nobody for that
            front.send(FrontEndModel.GET_QUEUE_NUM, 0, Unpooled.buffer());
            assertThat(onControl(device::isConnected)).isTrue();
        }
        assertThat(front.receive(FrontEndModel.GET_QUEUE_NUM).readLongLE())
                .as("when it is closed")
                .isEqualTo(2);
    }

    @Test
    void shouldGoOnWhileDescriptorsThatNobodyHasReceivedCanNotBeClosed() throws Exception {
        front = new FrontEndModel(path);
        while (!onControl(device::isConnected)) {
            Thread.onSpinWait();
        }
        try (Lingering lingering = new Lingering();
                FrontEndModel next = new FrontEndModel(path)) {
            onControl(
                    () -> { // both messages are there before it looks again
                        front.send(99, 0, Unpooled.buffer());
                        front.send(FrontEndModel.GET_QUEUE_NUM, 0, Unpooled.buffer(), lingering.fd());
                        lingering.leave();
                        return null;
                    });
            front.awaitEnd();
            assertThat(onControl(device::isConnected)).as("the next one waits").isFalse();
            lingering.endLingering();
            next.negotiate();
        }
    }

    /**
     * Lets a loop wait in a write to a counter that is full, of a descriptor that its owner has made blocking. By the time that this
     * returns the device may have seen it already, and have ended the connection.
     */
    private void holdUpALoop() throws Exception {
        connect();
        int call = BlockingEventFd.create();
        front.calls.add(call);
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0), call)).isTrue();
        ByteBuf full =
                Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(Long.BYTES)).setLongLE(0, -2);
        assertThat(Linux.write(call, full.memoryAddress(), Long.BYTES)).isEqualTo(Long.BYTES);
        front.rings.get(0).enableCalls();
        offer(0, FrontEndModel.OUT, 1, 1);
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (onControl(device::isConnected)
                && Thread.getAllStackTraces().values().stream()
                        .flatMap(Arrays::stream)
                        .noneMatch(frame -> frame.getMethodName().equals("signal"))) {
            FrontEndModel.pause(deadlineNs);
        }
    }

    /** The connection ends before the device is done with it. */
    private void awaitGone() throws Exception {
        front.awaitEnd();
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
        while (onControl(device::isConnected)) {
            FrontEndModel.pause(deadlineNs);
        }
    }

    private void assertThatAllLoopsGoOn() throws Exception {
        for (EpollLoop loop : stand.data().all()) {
            loop.eventLoop().submit(() -> {}).get(WAIT_SECONDS, TimeUnit.SECONDS);
        }
    }

    @Test
    void shouldGoOnWithoutAFrontEndThatFillsACounterItIsCalledBy() throws Exception {
        holdUpALoop();
        awaitGone();
        assertThatAllLoopsGoOn();
        try (FrontEndModel again = new FrontEndModel(path)) {
            assertThat(onControl(() -> {
                        again.send(FrontEndModel.GET_QUEUE_NUM, 0, Unpooled.buffer());
                        return device.isConnected();
                    }))
                    .isFalse();
        }
    }

    @Test
    void shouldGoOnWithoutAFrontEndThatTakesAFullCounterAway() throws Exception {
        holdUpALoop();
        try {
            front.send(FrontEndModel.SET_VRING_CALL, 0, number(0), front.calls.get(0));
        } catch (IllegalStateException e) {
            assertThat(e).as("gone already").hasMessageStartingWith("sent");
        }
        awaitGone();
        assertThatAllLoopsGoOn();
    }

    /** The flags of the open file, which all descriptors of it share. */
    private static List<String> flags(int fd) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/fdinfo", Integer.toString(fd))).stream()
                .filter(line -> line.startsWith("flags:"))
                .toList();
    }

    @Test
    void shouldLeaveTheFlagsOfItsEventDescriptorsAlone() throws Exception {
        connect();
        int call = BlockingEventFd.create();
        front.calls.add(call);
        List<String> before = flags(call);
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0), call)).isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, number(0), call)).isTrue();
        assertThat(flags(call)).isEqualTo(before);
    }

    @Test
    void shouldRefuseWhatIsNoMemoryNoEventfdOrNoRing() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        memory = front.memory(0, MIB);
        front.rings(memory, 1, 0);
        int plain = Linux.open(folder.resolve("f").toString(), 0x42, 0600);
        Linux.truncate(plain, MIB);
        var onDisk = new FrontEndModel.Region(0, MIB, 0, plain, null);
        assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(List.of(onDisk)), plain))
                .isFalse();
        var tooLong = new FrontEndModel.Region(0, 2 * MIB, 0, memory.fd(), null);
        assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(List.of(tooLong)), memory.fd()))
                .isFalse();
        assertThat(front.tell(FrontEndModel.SET_MEM_TABLE, FrontEndModel.table(List.of(memory))))
                .isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, number(0), plain)).isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(2), front.calls.get(0)))
                .isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_NUM, payload(-1, 64))).isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_NUM, payload(0, 65))).isFalse();
        assertThat(front.tell(FrontEndModel.SET_FEATURES, number(1L << 33))).isFalse();
        front.setMemory();
        assertThat(front.tell(FrontEndModel.SET_VRING_NUM, payload(0, 64))).isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_ADDR, payload(0, 0, 1, 1, 1, 1, 1, 1, 0, 0)))
                .isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_ENABLE, payload(0, 1))).isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_KICK, number(0), front.kicks.get(0)))
                .as("the ring is in no memory")
                .isFalse();
        assertThat(front.tell(FrontEndModel.SET_VRING_ADDR, front.addresses(0))).isTrue();
        assertThat(front.tell(FrontEndModel.SET_VRING_CALL, number(0), front.calls.get(0)))
                .isTrue();
        front.enable(0);
        write(0, 1, 1);
        Linux.close(plain);
    }
}
