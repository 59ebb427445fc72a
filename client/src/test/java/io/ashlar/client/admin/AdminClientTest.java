package io.ashlar.client.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.AdminAnswer;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ErrorDetail;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.ShowVolume;
import io.ashlar.protocol.message.VolumeInfo;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AdminClientTest {
    private static final UnpooledByteBufAllocator ALLOCATOR = UnpooledByteBufAllocator.DEFAULT;
    private static final AdminRequest SHOW = AdminRequest.newBuilder()
            .setShowVolume(ShowVolume.newBuilder().setName("db"))
            .build();

    private ServerSocket listener;

    @BeforeEach
    void listen() throws IOException {
        listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    }

    @AfterEach
    void stop() throws IOException {
        listener.close();
    }

    private InetSocketAddress address() {
        return new InetSocketAddress(listener.getInetAddress(), listener.getLocalPort());
    }

    /** Answers the only connection with these bytes, whatever is asked, and closes it. */
    private Thread answer(byte[]... frames) {
        Thread thread = new Thread(() -> {
            try (Socket socket = listener.accept()) {
                OutputStream out = socket.getOutputStream();
                for (byte[] frame : frames) {
                    assertThat(socket.getInputStream().read(new byte[64 << 10])).isPositive();
                    out.write(frame);
                }
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        thread.start();
        return thread;
    }

    /** Answers HELLO, and nothing else. */
    private Socket greet(byte[] hello) {
        try {
            Socket socket = listener.accept();
            assertThat(socket.getInputStream().read(new byte[64 << 10])).isPositive();
            socket.getOutputStream().write(hello);
            return socket;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static byte[] bytes(ByteBuf frame) {
        byte[] bytes = new byte[frame.readableBytes()];
        frame.readBytes(bytes);
        frame.release();
        return bytes;
    }

    private static byte[] hello() {
        HelloAnswer answer = HelloAnswer.newBuilder().setVersion(1).build();
        return bytes(MessageFrames.answer(ALLOCATOR, Opcode.HELLO, 1, 0, answer));
    }

    @Test
    void shouldReturnTheAnswerWhenTheNodeGivesOne() throws Exception {
        AdminAnswer answer = AdminAnswer.newBuilder()
                .setShowVolume(VolumeInfo.newBuilder().setName("db"))
                .build();
        Thread node = answer(hello(), bytes(MessageFrames.answer(ALLOCATOR, Opcode.ADMIN, 2, 0, answer)));
        try (AdminClient client = AdminClient.connect(address())) {
            assertThat(client.ask(SHOW)).isEqualTo(answer);
        }
        node.join();
    }

    @Test
    void shouldPassOnTheNodesWordsWhenItRefuses() throws Exception {
        ErrorDetail detail = ErrorDetail.newBuilder().setMessage("no volume db").build();
        Thread node =
                answer(hello(), bytes(MessageFrames.refusal(ALLOCATOR, Opcode.ADMIN, 2, 0, Status.NOT_FOUND, detail)));
        try (AdminClient client = AdminClient.connect(address())) {
            assertThatThrownBy(() -> client.ask(SHOW))
                    .isInstanceOf(AdminException.class)
                    .hasMessage("no volume db")
                    .extracting(e -> ((AdminException) e).status())
                    .isEqualTo(Status.NOT_FOUND);
        }
        node.join();
    }

    @Test
    void shouldNotTakeAnAnswerThatComesTooLateForThatOfTheNextRequest() throws Exception {
        byte[] late = bytes(MessageFrames.answer(ALLOCATOR, Opcode.ADMIN, 2, 0, AdminAnswer.getDefaultInstance()));
        byte[] hello = hello();
        CountDownLatch running = new CountDownLatch(1);
        Supplier<Socket> greeting = () -> {
            running.countDown();
            return greet(hello);
        };
        CompletableFuture<Socket> accepted =
                CompletableFuture.supplyAsync(greeting, task -> new Thread(task, "node").start());
        assertThat(running.await(20, TimeUnit.SECONDS)).isTrue();
        try (AdminClient client = AdminClient.connect(address(), 10_000);
                Socket node = accepted.get(20, TimeUnit.SECONDS)) {
            assertThatThrownBy(() -> client.ask(SHOW)).hasMessageEndingWith("no answer in time");
            node.getOutputStream().write(late);
            assertThatThrownBy(() -> client.ask(SHOW))
                    .isInstanceOf(AdminException.class)
                    .extracting(e -> ((AdminException) e).isUnreachable())
                    .isEqualTo(true);
        }
    }

    @Test
    void shouldSayThatNobodyListensWhenThePortIsClosed() throws Exception {
        listener.close();
        assertThatThrownBy(() -> AdminClient.connect(address()))
                .isInstanceOf(AdminException.class)
                .hasMessageContaining("nothing listens there")
                .extracting(e -> ((AdminException) e).isUnreachable())
                .isEqualTo(true);
    }

    @Test
    void shouldSayThatItIsNoNodeWhenSomethingElseAnswers() throws Exception {
        Thread other = answer(("HTTP/1.1 400 Bad Request\r\n" + "x".repeat(100)).getBytes(StandardCharsets.US_ASCII));
        assertThatThrownBy(() -> AdminClient.connect(address()))
                .isInstanceOf(AdminException.class)
                .hasMessageContaining("is no Ashlar node");
        other.join();
    }

    @Test
    void shouldSayThatItWasClosedWhenTheNodeHangsUp() throws Exception {
        Thread node = answer(new byte[0]);
        assertThatThrownBy(() -> AdminClient.connect(address()))
                .isInstanceOf(AdminException.class)
                .hasMessageContaining("connection was closed");
        node.join();
    }
}
