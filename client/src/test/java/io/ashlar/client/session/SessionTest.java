package io.ashlar.client.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.client.fake.Attached;
import io.ashlar.client.fake.FakeNode;
import io.ashlar.protocol.codec.MessageFrames;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.ashlar.protocol.message.OpenAnswer;
import io.ashlar.protocol.message.OpenMode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelFactory;
import io.netty.channel.epoll.EpollSocketChannel;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SessionTest {
    private final EpollLoops loops = EpollLoops.floating("session", 1);
    private final EpollLoop loop = loops.all().get(0);
    private final Listener listener = new Listener();

    @AfterEach
    void close() {
        loops.close();
    }

    private static SessionConfig config(InetSocketAddress node) {
        return new SessionConfig(node, "host", 5000, 5000, 5000, 1, 1);
    }

    @Test
    void shouldTryAgainOnItsOwnLoopWhenNoSocketCanBeHad() {
        AtomicInteger failures = new AtomicInteger(3);
        ChannelFactory<Channel> scarce = () -> {
            if (failures.getAndDecrement() > 0) {
                throw new ChannelException(
                        new IOException("newSocketStream(..) failed with error(-24): Too many open files"));
            }
            return new EpollSocketChannel();
        };
        try (FakeNode node = new FakeNode(1 << 20, 4096)) {
            Session session = new Session(config(node.address()), loop, listener, scarce);
            loop.execute(session::start);
            Attached.until(() -> listener.calls.contains("ready"));
            loop.execute(session::end);
            Attached.until(() -> listener.calls.contains("over"));
        }
        String refused = "refused: too many open files";
        assertThat(listener.calls).containsExactly(refused, refused, refused, "ready", "lost", "over");
    }

    @Test
    void shouldTakeItsOpenBackWhenItEndsBeforeTheAnswer() throws Exception {
        try (ServerSocket listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Session session = new Session(
                    config(new InetSocketAddress(listening.getInetAddress(), listening.getLocalPort())),
                    loop,
                    listener);
            loop.execute(session::start);
            try (Socket socket = listening.accept()) {
                DataInputStream in = new DataInputStream(socket.getInputStream());
                assertThat(receive(in)).isEqualTo(Opcode.HELLO);
                HelloAnswer hello = HelloAnswer.newBuilder()
                        .setVersion(Limits.VERSION)
                        .setInFlightMax(1)
                        .setPayloadBytesMax(Limits.PAYLOAD_BYTES_MAX)
                        .build();
                ByteBuf answer = MessageFrames.answer(
                        UnpooledByteBufAllocator.DEFAULT, Opcode.HELLO, Connection.OWN_ID, 0, hello);
                answer.readBytes(socket.getOutputStream(), answer.readableBytes())
                        .release();
                assertThat(receive(in)).isEqualTo(Opcode.OPEN);
                loop.execute(session::end);
                // A connection closed in the usual way would end here, and be sent again until it arrives.
                assertThatThrownBy(in::read).isInstanceOf(IOException.class).hasMessageContaining("reset");
            }
            Attached.until(() -> listener.calls.contains("over"));
        }
    }

    private static Opcode receive(DataInputStream in) throws IOException {
        byte[] head = new byte[Limits.HEADER_BYTES];
        in.readFully(head);
        FrameHeader header = new FrameHeader().wrap(Unpooled.wrappedBuffer(head), 0);
        in.skipNBytes(header.payloadBytes());
        return header.opcode();
    }

    /** Notes what it is told; on another thread than the loop's it says so. */
    private final class Listener implements SessionListener {
        private final List<String> calls = new CopyOnWriteArrayList<>();

        private void note(String call) {
            calls.add(
                    loop.inLoop()
                            ? call
                            : call + " on " + Thread.currentThread().getName());
        }

        @Override
        public boolean onHello(HelloAnswer hello) {
            return true;
        }

        @Override
        public Open openMessage() {
            return Open.newBuilder()
                    .setVolume(FakeNode.VOLUME)
                    .setMode(OpenMode.OPEN_MODE_READ_WRITE)
                    .build();
        }

        @Override
        public boolean accepts(OpenAnswer opened) {
            return true;
        }

        @Override
        public void onReady(OpenAnswer opened) {
            note("ready");
        }

        @Override
        public void onLost() {
            note("lost");
        }

        @Override
        public void onOver() {
            note("over");
        }

        @Override
        public boolean onRefused(Refusal refusal) {
            note("refused: " + refusal.message());
            return true;
        }

        @Override
        public boolean onAnswer(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
            throw new AssertionError("nothing was asked");
        }

        @Override
        public void onBatchEnd() {}

        @Override
        public void onEvent(Event event) {
            throw new AssertionError("nothing happened");
        }
    }
}
