package io.ashlar.protocol.codec;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.ashlar.base.checksum.Crc32c;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.FrameFault;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.EpollServerSocketChannel;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The codec on real sockets, where frames are decoded in the very buffer that the socket is read into. */
class FrameSocketTest {
    /** Makes buffers without leak records, which would be counted as allocations. */
    private static final ByteBufAllocator UNTRACKED = new UnpooledByteBufAllocator(true, true);

    private final EpollLoops loops = EpollLoops.floating("codec-test", 1);
    private Channel server;

    @AfterEach
    void close() {
        server.close().syncUninterruptibly();
        loops.close();
    }

    private Socket connect(Function<Channel, FrameHandler> handlerOf) throws IOException {
        ServerBootstrap bootstrap = new ServerBootstrap()
                .group(loops.all().get(0).eventLoop())
                .channel(EpollServerSocketChannel.class)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childOption(ChannelOption.ALLOCATOR, UNTRACKED)
                .childHandler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline().addLast(new FrameDecoder(handlerOf.apply(channel), Direction.TO_NODE));
                    }
                });
        server = bootstrap
                .bind(InetAddress.getLoopbackAddress(), 0)
                .syncUninterruptibly()
                .channel();
        Socket socket = new Socket();
        socket.connect(server.localAddress(), 5000);
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(30_000);
        return socket;
    }

    @Test
    void shouldHandOverEveryFrameWhenTheSocketCutsTheStream() throws Exception {
        Random random = new Random(3);
        FrameFixtures fixtures = new FrameFixtures(random);
        List<byte[]> sent = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            sent.add(fixtures.request(random.nextInt(10) == 0 ? Limits.DATA_BYTES_MAX : 30_000));
        }
        Keeping handler = new Keeping(sent.size());
        try (Socket socket = connect(channel -> handler)) {
            OutputStream out = socket.getOutputStream();
            for (byte[] frame : sent) {
                int cut = random.nextInt(frame.length);
                out.write(frame, 0, cut);
                out.write(frame, cut, frame.length - cut);
            }
            handler.complete.get(30, TimeUnit.SECONDS);
        }
        handler.closed.get(30, TimeUnit.SECONDS);
        for (int i = 0; i < sent.size(); i++) {
            ByteBuf kept = handler.frames.get(i);
            assertThat(kept).as("frame %d", i).isEqualTo(Unpooled.wrappedBuffer(sent.get(i)));
            kept.release();
        }
    }

    @Test
    void shouldAllocateNothingPerFrameWhenFramesFlow() throws Exception {
        try (Socket socket = connect(Echo::new)) {
            long threadId = loops.all()
                    .get(0)
                    .eventLoop()
                    .submit(() -> Thread.currentThread().getId())
                    .get();
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            int batches = 3000;
            exchange(socket, batches, 64);
            long before = threads.getThreadAllocatedBytes(threadId);
            exchange(socket, batches, 64);
            long allocated = threads.getThreadAllocatedBytes(threadId) - before;
            assertThat(allocated).as("bytes for %d frames", batches * 64).isLessThan(batches * 64L);
        }
    }

    private static void exchange(Socket socket, int batches, int depth) throws IOException {
        FrameFixtures fixtures = new FrameFixtures(new Random(5));
        byte[] batch = new byte[depth * Limits.HEADER_BYTES];
        for (int i = 0; i < depth; i++) {
            byte[] ping = new byte[Limits.HEADER_BYTES];
            new FrameHeader().wrap(Unpooled.wrappedBuffer(ping), 0).clear().opcode(Opcode.PING);
            fixtures.reseal(ping);
            System.arraycopy(ping, 0, batch, i * Limits.HEADER_BYTES, ping.length);
        }
        DataInputStream in = new DataInputStream(socket.getInputStream());
        byte[] answers = new byte[batch.length];
        for (int i = 0; i < batches; i++) {
            socket.getOutputStream().write(batch);
            in.readFully(answers);
        }
    }

    /** Keeps every frame: large payloads by retaining the receive buffer, small ones by copying. */
    private static final class Keeping implements FrameHandler {
        private final int wanted;
        private final List<ByteBuf> frames = new ArrayList<>();
        private final CompletableFuture<Void> complete = new CompletableFuture<>();
        private final CompletableFuture<Void> closed = new CompletableFuture<>();

        Keeping(int wanted) {
            this.wanted = wanted;
        }

        @Override
        public boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
            int from = payloadIndex - Limits.HEADER_BYTES;
            int length = payloadBytes + Limits.HEADER_BYTES;
            boolean pin = length > 100_000;
            frames.add(pin ? memory.retainedSlice(from, length) : memory.copy(from, length));
            if (frames.size() == wanted) {
                complete.complete(null);
            }
            return true;
        }

        @Override
        public void onBatchEnd() {}

        @Override
        public void onFault(FrameFault fault, long requestId) {
            complete.completeExceptionally(new AssertionError(fault));
        }

        @Override
        public void onClosed() {
            closed.complete(null);
        }
    }

    /** Answers every frame from one preallocated header per slot, as a node does. */
    private static final class Echo implements FrameHandler {
        private static final int SLOTS = 256;

        private final FrameWriter writer;
        private final ByteBuf headers = UNTRACKED.directBuffer(SLOTS * Limits.HEADER_BYTES);
        private final ByteBuf[] views = new ByteBuf[SLOTS];
        private final FrameHeader answer = new FrameHeader();
        private final Crc32c crc = new Crc32c();
        private int next;

        Echo(Channel channel) {
            writer = new FrameWriter(channel);
            for (int i = 0; i < SLOTS; i++) {
                views[i] = headers.duplicate();
            }
        }

        @Override
        public boolean onFrame(FrameHeader header, ByteBuf memory, int payloadIndex, int payloadBytes) {
            int start = next * Limits.HEADER_BYTES;
            answer.wrap(headers, start)
                    .clear()
                    .opcode(header.opcode())
                    .flags(FrameFlags.RESPONSE)
                    .requestId(header.requestId())
                    .seal(crc);
            long part = writer.write(views[next]
                    .setIndex(0, 0)
                    .setIndex(start, start + Limits.HEADER_BYTES)
                    .retain());
            if (writer.isSent(part)) {
                throw new AssertionError("sent before it was flushed");
            }
            next = (next + 1) % SLOTS;
            return true;
        }

        @Override
        public void onBatchEnd() {
            writer.flush();
        }

        @Override
        public void onFault(FrameFault fault, long requestId) {
            throw new AssertionError(fault);
        }

        @Override
        public void onClosed() {
            headers.release();
        }
    }
}
