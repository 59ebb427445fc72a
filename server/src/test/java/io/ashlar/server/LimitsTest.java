package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.CreateVolume;
import io.ashlar.protocol.message.EventKind;
import io.ashlar.protocol.message.OpenAnswer;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.server.config.ServerLimits;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What happens at the limits. */
class LimitsTest {
    @TempDir
    Path folder;

    private NodeFixture node;

    private void start(ServerLimits limits) throws IOException {
        node = new NodeFixture(folder, limits);
    }

    @AfterEach
    void stop() {
        node.close();
    }

    private int volume(RawClient client) throws IOException {
        assertThat(client.create("v", 8 << 20, 512).status()).isEqualTo(Status.OK);
        return client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0).getHandle();
    }

    @Test
    void shouldRefuseOneMoreConnectionAndTakeItWhenAnotherHasEnded() throws IOException {
        start(new ServerLimits(2, 8, 2 << 20, 1 << 20, 4, 10_000, 10_000));
        RawClient first = RawClient.ready(node.address());
        try (RawClient second = RawClient.ready(node.address())) {
            try (RawClient third = new RawClient(node.address())) {
                assertThat(third.isClosedByNode()).isTrue();
            }
            first.close();
            boolean taken = false;
            while (!taken) {
                try (RawClient fourth = new RawClient(node.address())) {
                    fourth.hello();
                    taken = true;
                } catch (IOException e) {
                    assertThat(second.simple(Opcode.PING, 0, 0, 0, 0, 0).status())
                            .isEqualTo(Status.OK);
                }
            }
            assertThat(metric("ashlar_node_connections_refused_total")).isPositive();
        }
    }

    @Test
    void shouldCloseTheConnectionWhenMoreIsInFlightThanGranted() throws IOException {
        start(new ServerLimits(8, 4, 2 << 20, 1 << 20, 4, 10_000, 10_000));
        try (RawClient client = RawClient.ready(node.address())) {
            int handle = volume(client);
            node.volume().hold();
            for (int i = 0; i < 5; i++) {
                client.send(client.request(Opcode.READ, handle, i * 4096L, 4096, 0));
            }
            assertThat(client.receive().status()).isEqualTo(Status.LIMIT_EXCEEDED);
            assertThat(client.isClosedByNode()).isTrue();
        }
        node.volume().letGo();
    }

    @Test
    void shouldAnswerAPingWhenAsMuchIsInFlightAsGranted() throws IOException {
        start(new ServerLimits(8, 4, 2 << 20, 1 << 20, 4, 10_000, 10_000));
        try (RawClient client = RawClient.ready(node.address())) {
            int handle = volume(client);
            node.volume().hold();
            for (int i = 0; i < 4; i++) {
                client.send(client.request(Opcode.READ, handle, i * 4096L, 4096, 0));
            }
            RawClient.Frame answer = client.simple(Opcode.PING, 0, 0, 0, 0, 0);
            assertThat(answer.opcode()).isEqualTo(Opcode.PING);
            assertThat(answer.status()).isEqualTo(Status.OK);
        }
        node.volume().letGo();
    }

    @Test
    void shouldRefuseAnotherVolumeWhenAConnectionHasMany() throws IOException {
        start(new ServerLimits(8, 8, 2 << 20, 1 << 20, 6, 10_000, 10_000));
        try (RawClient client = RawClient.ready(node.address())) {
            volume(client);
            for (int loop = 1; loop < 6; loop++) {
                client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 1, loop);
            }
            RawClient.Frame refused = client.open("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 1, 9);
            assertThat(refused.status()).isEqualTo(Status.TOO_LARGE);
            assertThat(refused.detail().getMessage()).isEqualTo("a connection may have 6 volumes open");
            assertThat(client.simple(Opcode.CLOSE, 3, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
            assertThat(client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 1, 9)
                            .getHandle())
                    .isEqualTo(3);
        }
    }

    @Test
    void shouldDropAPeerWhenItSaysNoHelloInTime() throws IOException {
        start(new ServerLimits(8, 8, 2 << 20, 1 << 20, 4, 1, 10_000));
        try (RawClient client = new RawClient(node.address())) {
            assertThat(client.receive().status()).isEqualTo(Status.TIMED_OUT);
            assertThat(client.isClosedByNode()).isTrue();
        }
    }

    @Test
    void shouldStopReadingThenDropThePeerWhenItTakesNoAnswers() throws IOException {
        start(new ServerLimits(8, 64, 2 << 20, 256 << 10, 4, 10_000, 100));
        try (RawClient greedy = RawClient.withSmallWindow(node.address());
                RawClient other = RawClient.ready(node.address())) {
            greedy.hello();
            int handle = volume(greedy);
            for (int i = 0; i < 64; i++) {
                greedy.send(greedy.request(Opcode.READ, handle, (i % 8) << 20, 1 << 20, 0));
            }
            while (metric("ashlar_node_slow_peers_dropped_total") == 0) {
                assertThat(other.simple(Opcode.PING, 0, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
            }
            // It never had all its answers in the node's memory: most of its reads were not even begun.
            assertThat(node.volume().submittedCount()).isLessThan(40);
            assertThat(metric("ashlar_node_read_pauses_total")).isPositive();
            assertThat(metric("ashlar_node_requests_dropped_total")).isPositive();
        }
    }

    @Test
    void shouldDropAPeerWhenItStopsInTheMiddleOfAFrame() throws IOException {
        start(new ServerLimits(8, 8, 2 << 20, 1 << 20, 4, 10_000, 1));
        try (RawClient stalled = RawClient.ready(node.address());
                RawClient idle = RawClient.ready(node.address())) {
            ByteBuf frame = RawClient.writeFrame(stalled.nextId(), volume(stalled), 0, new byte[1 << 20], 0);
            stalled.send(frame.writerIndex(frame.writerIndex() - 1));
            RawClient.Frame refusal = stalled.receive();
            assertThat(refusal.status()).isEqualTo(Status.TIMED_OUT);
            assertThat(refusal.detail().getMessage()).isEqualTo("a frame was not ended in time");
            assertThat(stalled.isClosedByNode()).isTrue();
            assertThat(idle.simple(Opcode.PING, 0, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
        }
    }

    @Test
    void shouldAnswerEverythingWhenASlowPeerTakesItsAnswersAfterAll() throws IOException {
        start(new ServerLimits(8, 64, 2 << 20, 256 << 10, 4, 10_000, 60_000));
        try (RawClient client = RawClient.ready(node.address())) {
            int handle = volume(client);
            byte[] data = new byte[1 << 20];
            new Random(5).nextBytes(data);
            for (int i = 0; i < 8; i++) {
                assertThat(client.write(handle, i << 20, data)).isEqualTo(Status.OK);
            }
            List<Long> ids = new ArrayList<>();
            for (int i = 0; i < 64; i++) {
                ids.add(client.send(client.request(Opcode.READ, handle, (i % 8) << 20, 1 << 20, 0)));
            }
            for (int i = 0; i < 64; i++) {
                RawClient.Frame answer = client.receiveAnswer();
                assertThat(ids.remove(answer.requestId())).isTrue();
                assertThat(answer.data()).isEqualTo(data);
            }
            assertThat(ids).isEmpty();
        }
    }

    @Test
    void shouldStopReadingAndSayThatItLivesWhenTooMuchWaitsForTheDisk() throws Exception {
        start(new ServerLimits(8, 256, 2 << 20, 1 << 20, 4, 10_000, 60_000));
        try (RawClient client = RawClient.ready(node.address())) {
            int handle = volume(client);
            node.volume().hold();
            byte[] data = new byte[512 << 10];
            Thread sender = new Thread(() -> {
                try {
                    for (int i = 0; i < 64; i++) {
                        client.send(RawClient.writeFrame(client.nextId(), handle, (i % 16) << 19, data, 0));
                    }
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            sender.start();
            while (metric("ashlar_node_read_pauses_total") == 0) {
                Thread.onSpinWait();
            }
            assertThat(node.volume().heldCount()).isLessThan(32);
            assertThat(client.awaitEvent().getKind()).isEqualTo(EventKind.EVENT_KIND_WORKING);
            assertThat(client.awaitEvent().getKind()).isEqualTo(EventKind.EVENT_KIND_WORKING);
            node.volume().letGo();
            for (int i = 0; i < 64; i++) {
                assertThat(client.receiveAnswer().status()).isEqualTo(Status.OK);
            }
            sender.join();
        }
    }

    @Test
    void shouldAnswerBusyWhenOlderRequestsOfTheVolumeTakeTooLong() throws IOException {
        start(new ServerLimits(8, 8, 2 << 20, 1 << 20, 4, 10_000, 10_000).withOpenTimeoutMs(50));
        try (RawClient stuck = RawClient.ready(node.address());
                RawClient next = RawClient.ready(node.address())) {
            int handle = volume(stuck);
            node.volume().hold();
            stuck.send(stuck.request(Opcode.READ, handle, 0, 4096, 0));
            while (node.volume().heldCount() == 0) {
                Thread.onSpinWait();
            }
            for (int i = 0; i < 3; i++) {
                RawClient.Frame answer = next.open("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0);
                assertThat(answer.status()).isEqualTo(Status.BUSY);
                assertThat(answer.detail().getMessage())
                        .isEqualTo("it is still finishing older requests of this volume");
            }
            node.volume().letGo();
            RawClient.Frame answer = next.open("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0);
            while (answer.status() == Status.BUSY) {
                answer = next.open("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0);
            }
            assertThat(answer.status()).isEqualTo(Status.OK);
            OpenAnswer opened = answer.parse(OpenAnswer.parser());
            assertThat(next.write(opened.getHandle(), 0, new byte[4096])).isEqualTo(Status.OK);
        }
    }

    @Test
    void shouldRefuseAnotherCommandWhenAConnectionHasManyUnderWay() throws IOException {
        start(ServerLimits.DEFAULT);
        Semaphore permits = new Semaphore(0);
        node.files().beforeCreate(permits::acquireUninterruptibly);
        try (RawClient client = RawClient.ready(node.address())) {
            CreateVolume create =
                    CreateVolume.newBuilder().setName("v").setSizeBytes(1 << 20).build();
            AdminRequest command =
                    AdminRequest.newBuilder().setCreateVolume(create).build();
            List<Long> ids = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                ids.add(client.send(MessageFrames.request(
                        UnpooledByteBufAllocator.DEFAULT, Opcode.ADMIN, client.nextId(), 0, command)));
            }
            RawClient.Frame refused = client.receive();
            assertThat(refused.requestId()).isEqualTo(ids.get(4));
            assertThat(refused.status()).isEqualTo(Status.BUSY);
            permits.release();
            assertThat(client.await(ids.get(0)).status()).isEqualTo(Status.OK);
            assertThat(client.await(ids.get(3)).status()).isEqualTo(Status.ALREADY_EXISTS);
            assertThat(client.admin(command).status()).isEqualTo(Status.ALREADY_EXISTS);
        } finally {
            permits.release();
        }
    }

    @Test
    void shouldRefuseNamesThatNoVolumeOrHostCanHave() throws IOException {
        start(ServerLimits.DEFAULT);
        try (RawClient client = RawClient.ready(node.address())) {
            String tooLong = "x".repeat(60_000);
            assertThat(client.open(tooLong, "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                            .status())
                    .isEqualTo(Status.INVALID);
            assertThat(client.open("v", tooLong, OpenMode.OPEN_MODE_READ_ONLY, 0, 0)
                            .status())
                    .isEqualTo(Status.INVALID);
            assertThat(client.open("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                            .status())
                    .isEqualTo(Status.NOT_FOUND);
        }
    }

    @Test
    void shouldForgetACloseWhoseConnectionEndsBeforeItIsAnswered() throws IOException {
        start(ServerLimits.DEFAULT);
        try (RawClient client = RawClient.ready(node.address())) {
            int handle = volume(client);
            node.volume().hold();
            client.send(client.request(Opcode.READ, handle, 0, 4096, 0));
            client.send(client.request(Opcode.CLOSE, handle, 0, 0, 0));
            assertThat(client.simple(Opcode.PING, 0, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
            awaitMetric("ashlar_node_in_flight", 2);
        }
        awaitMetric("ashlar_node_connections", 0);
        node.volume().letGo();
        awaitMetric("ashlar_node_handles", 0);
        awaitMetric("ashlar_node_in_flight", 0);
    }

    private void awaitMetric(String name, double value) throws IOException {
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (metric(name) != value) {
            assertThat(System.nanoTime()).as(name).isLessThan(deadline);
        }
    }

    private double metric(String name) throws IOException {
        return HttpTest.metric(node, name);
    }

    @Test
    void shouldServeOthersWhenManyPeersSayNothing() throws IOException {
        start(new ServerLimits(64, 8, 2 << 20, 1 << 20, 4, 60_000, 60_000));
        List<Socket> silent = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            silent.add(new Socket(node.address().getAddress(), node.address().getPort()));
        }
        try (RawClient client = RawClient.ready(node.address())) {
            assertThat(client.read(volume(client), 0, 512)).hasSize(512);
        }
        for (Socket socket : silent) {
            socket.close();
        }
    }
}
