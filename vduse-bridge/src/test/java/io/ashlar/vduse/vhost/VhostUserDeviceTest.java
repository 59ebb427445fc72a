package io.ashlar.vduse.vhost;

import static io.ashlar.vduse.vhost.FrontEndModel.payload;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.sys.UnixSocket;
import io.ashlar.vduse.vring.DriverModel;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** A device and its front ends, one after the other: what they are shown, and when each is served. */
class VhostUserDeviceTest extends VhostUserFixture {
    @Test
    void shouldServeBothRingsWhenAFrontEndHasSetThemUp() throws Exception {
        connect();
        for (int i = 0; i < 200; i++) {
            write(i % 2, i, i);
            read((i + 1) % 2, i, i);
        }
        assertThat(onControl(device::queueCpus)).doesNotContain(-1);
    }

    @Test
    void shouldShowTheDeviceWhenAsked() throws Exception {
        front = new FrontEndModel(path);
        front.negotiate();
        assertThat(front.features & 1L << 33).as("no translated addresses").isZero();
        assertThat(front.features & FrontEndModel.F_PROTOCOL).isNotZero();
        assertThat(front.ask(FrontEndModel.GET_QUEUE_NUM).readLongLE()).isEqualTo(2);
        ByteBuf config = front.ask(FrontEndModel.GET_CONFIG, payload(0, 256, 0).writeZero(256));
        assertThat(config.readableBytes()).isEqualTo(12 + 256);
        assertThat(config.getLongLE(12)).isEqualTo(MIB / 512);
        assertThat(config.getShortLE(12 + 34)).as("num_queues").isEqualTo((short) 2);
        assertThat(config.getLongLE(12 + 248)).isZero();
        assertThat(front.tell(FrontEndModel.SET_CONFIG, payload(0, 4, 0).writeZero(4)))
                .isFalse();
    }

    @Test
    void shouldTellTheFrontEndWhenTheVolumeGrows() throws Exception {
        Path other = folder.resolve("b");
        try (UnixSocket server = UnixSocket.listen(other);
                UnixSocket there = UnixSocket.connect(other);
                UnixSocket back = server.accept()) {
            connect();
            assertThat(front.tell(FrontEndModel.SET_BACKEND_REQ_FD, Unpooled.buffer(), there.fd()))
                    .isTrue();
            volume.grow(2 * MIB);
            ByteBuf message =
                    Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(64)).clear();
            long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
            while (back.receive(message, 64, fd -> {}) < 0) {
                FrontEndModel.pause(deadlineNs);
            }
            assertThat(message.readIntLE())
                    .as("VHOST_USER_BACKEND_CONFIG_CHANGE_MSG")
                    .isEqualTo(2);
            ByteBuf config =
                    front.ask(FrontEndModel.GET_CONFIG, payload(0, 8, 0).writeZero(8));
            assertThat(config.getLongLE(12)).isEqualTo(2 * MIB / 512);
        }
    }

    @Test
    void shouldServeTheNextFrontEndWhenOneGoesWithRequestsInFlight() throws Exception {
        connect();
        volume.hold();
        int at = offer(0, FrontEndModel.IN, 7, 1);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        FrontEndModel gone = front;
        ByteBuffer oldMemory = memory.memory();
        gone.socket.close();
        connect();
        volume.bytes().setByte(7 * 4096, 0x55);
        volume.letGo();
        write(0, 8, 8);
        write(1, 9, 9);
        assertThat(oldMemory.get(at + 4096))
                .as("a late read stays off the memory")
                .isEqualTo((byte) 1);
        assertThat(oldMemory.get(at + 8192)).isEqualTo((byte) 0xEE);
    }

    @Test
    void shouldLetASecondFrontEndWaitUntilTheFirstIsGone() throws Exception {
        connect();
        FrontEndModel first = front;
        FrontEndModel second = new FrontEndModel(path);
        second.send(FrontEndModel.GET_FEATURES, 0, Unpooled.buffer());
        write(0, 1, 1);
        assertThatThrownBy(() -> CompletableFuture.runAsync(
                                () -> {
                                    try {
                                        second.receive(FrontEndModel.GET_FEATURES);
                                    } catch (IOException | TimeoutException e) {
                                        throw new IllegalStateException(e);
                                    }
                                },
                                task -> new Thread(task, "background").start())
                        .get(50, TimeUnit.MILLISECONDS))
                .isInstanceOf(TimeoutException.class);
        first.close();
        front = second;
        Thread.sleep(100); // the other thread takes the reply
        connect2();
    }

    private void connect2() throws Exception {
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, 2, 0);
        front.setMemory();
        front.describe(0, 0);
        front.enable(0);
        write(0, 2, 2);
    }

    @Test
    void shouldForgetEverythingWhenTheDeviceIsReset() throws Exception {
        connect();
        volume.hold();
        offer(0, FrontEndModel.OUT, 7, 1);
        volume.arrivals.poll(WAIT_SECONDS, TimeUnit.SECONDS);
        assertThat(front.tell(FrontEndModel.RESET_DEVICE, Unpooled.buffer())).isTrue();
        volume.letGo();
        for (DriverModel ring : front.rings) {
            ring.restart(0);
        }
        front.describe(0, 0);
        front.enable(0);
        write(0, 1, 1);
    }

    @Test
    void shouldReplaceTheSocketOfADeadProcessOnly() throws Exception {
        Path other = folder.resolve("t");
        assertThatThrownBy(() -> open(path)).hasStackTraceContaining("somebody listens");
        List<UnixSocket> waiting = fillQueue(path);
        assertThatThrownBy(() -> open(path)).as("busy").hasStackTraceContaining("somebody listens");
        waiting.forEach(UnixSocket::close);
        UnixSocket dead = UnixSocket.listen(other);
        dead.close();
        assertThat(other).exists();
        VhostUserDevice second = open(other);
        close(second);
        assertThat(other).doesNotExist();
        Files.writeString(other, "mine");
        assertThatThrownBy(() -> open(other)).hasStackTraceContaining("not a socket");
    }

    private static List<UnixSocket> fillQueue(Path path) {
        List<UnixSocket> waiting = new ArrayList<>();
        try {
            while (waiting.size() < 100) {
                waiting.add(UnixSocket.connect(path));
            }
        } catch (IOException e) {
            assertThat(e).hasMessageContaining("EAGAIN");
        }
        assertThat(waiting).hasSizeLessThan(100);
        return waiting;
    }
}
