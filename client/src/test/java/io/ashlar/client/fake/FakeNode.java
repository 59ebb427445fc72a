package io.ashlar.client.fake;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.status.Status;
import io.ashlar.protocol.codec.FrameDecoder;
import io.ashlar.protocol.frame.Direction;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.Event;
import io.ashlar.protocol.message.EventKind;
import io.ashlar.protocol.message.Geometry;
import io.ashlar.protocol.message.HelloAnswer;
import io.ashlar.protocol.message.Open;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.EpollServerSocketChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * A storage node for tests: one volume in an array, over real sockets, doing what it is told. Its state is used on its
 * own loop; what tests set is volatile and takes effect with the next request.
 */
public final class FakeNode implements AutoCloseable {
    /** Volume "vol"; other names are not found. */
    public static final String VOLUME = "vol";

    final byte[] volume;
    final int logicalBlockBytes;
    final List<FakeConnection> connections = new CopyOnWriteArrayList<>();
    final AtomicLong incarnations = new AtomicLong();
    final AtomicInteger handles = new AtomicInteger(100);
    final AtomicLong epoch = new AtomicLong(1);
    volatile ByteString bootId = ByteString.copyFrom(new byte[16]);
    volatile ByteString startId = ByteString.EMPTY;
    volatile ByteString volumeId = ByteString.copyFrom(new byte[16]);

    /** Every request that arrived, in order. */
    public final List<FakeRequest> requests = new CopyOnWriteArrayList<>();
    /** Decides the status of a request before it is worked off; OK works it off. */
    public volatile Function<FakeRequest, Status> decide = request -> Status.OK;
    /** Requests for which this holds get no answer, as if the node had stopped in the middle of them. */
    public volatile Predicate<FakeRequest> swallow = request -> false;
    /** Requests for which this holds are kept and worked off by {@link #release()}. */
    public volatile Predicate<FakeRequest> keep = request -> false;
    /** While positive, read answers get a flipped bit, and this is counted down. */
    public final AtomicInteger corruptReads = new AtomicInteger();

    public volatile boolean recording = true;
    public volatile int inFlightMax = Limits.IN_FLIGHT_MAX;
    public volatile boolean answersPings = true;
    public volatile boolean answersOpen = true;

    /** How every CLOSE is answered. */
    public volatile Status closes = Status.OK;
    /** What happens before a CLOSE is answered, on the node's loop. */
    public volatile Runnable onClose = () -> {};
    /** CLOSEs that end the attachment as well. */
    public final AtomicInteger detachments = new AtomicInteger();

    /** What was asked to be opened, in order. */
    public final List<Open> opens = new CopyOnWriteArrayList<>();
    /** Whether OPEN is answered BUSY. */
    public volatile boolean busy;

    private final EpollLoops loops = EpollLoops.floating("fake-node", 1);
    private Channel server;
    private int port;

    /** Starts a node whose volume has this size. */
    public FakeNode(int sizeBytes, int logicalBlockBytes) {
        volume = new byte[sizeBytes];
        this.logicalBlockBytes = logicalBlockBytes;
        listen();
    }

    /** Listens, at the same port as before. */
    public void listen() {
        server = new ServerBootstrap()
                .group(loops.all().get(0).eventLoop())
                .channel(EpollServerSocketChannel.class)
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childHandler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        FakeConnection connection = new FakeConnection(FakeNode.this, channel);
                        connections.add(connection);
                        channel.pipeline().addLast(new FrameDecoder(connection, Direction.TO_NODE));
                    }
                })
                .bind(InetAddress.getLoopbackAddress(), port)
                .syncUninterruptibly()
                .channel();
        port = ((InetSocketAddress) server.localAddress()).getPort();
    }

    /** Stops listening and breaks all connections off, as a killed process would. */
    public void kill() {
        server.close().syncUninterruptibly();
        disconnect();
    }

    /** Breaks all connections off. */
    public void disconnect() {
        onLoop(this::breakOffAll);
    }

    /** Breaks all connections off; on the node's loop. */
    public void breakOffAll() {
        connections.forEach(FakeConnection::breakOff);
    }

    /** Works off and answers what was kept, latest first where that matters to nobody. */
    public void release() {
        keep = request -> false;
        onLoop(() -> connections.forEach(FakeConnection::workOffKept));
    }

    private void onLoop(Runnable task) {
        loops.all().get(0).eventLoop().submit(task).syncUninterruptibly();
    }

    /** Restarts the machine: unflushed data may be lost. */
    public void reboot() {
        bootId = ByteString.copyFrom(
                new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, (byte) (bootId.byteAt(15) + 1)});
        disconnect();
    }

    /** Restarts the process: the page cache stays. */
    public void restart() {
        startId = startId.concat(ByteString.copyFrom(new byte[1]));
        disconnect();
    }

    /** Lets another host take the volume. */
    public void fence() {
        epoch.incrementAndGet();
    }

    /** Makes the volume another one of the same name. */
    public void replaceVolume() {
        volumeId = ByteString.copyFrom(new byte[] {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    }

    /** Sends an event on all connections. */
    public void tell(EventKind kind, long sizeBytes) {
        Event event = Event.newBuilder()
                .setKind(kind)
                .setGeometry(geometry().toBuilder().setSizeBytes(sizeBytes))
                .build();
        onLoop(() -> connections.forEach(connection -> connection.sendEvent(event)));
    }

    Geometry geometry() {
        return Geometry.newBuilder()
                .setSizeBytes(volume.length)
                .setLogicalBlockBytes(logicalBlockBytes)
                .build();
    }

    MessageLite greeting() {
        return HelloAnswer.newBuilder()
                .setVersion(1)
                .setInFlightMax(inFlightMax)
                .setPayloadBytesMax(Limits.PAYLOAD_BYTES_MAX)
                .setNodeId(ByteString.copyFrom(new byte[16]))
                .setBootId(bootId)
                .setStartId(startId)
                .build();
    }

    /** Returns where it listens. */
    public InetSocketAddress address() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    }

    /** Returns the volume's bytes, for looking. */
    public byte[] bytes() {
        return volume;
    }

    /** Returns how many requests of this kind arrived. */
    public long count(Opcode opcode) {
        return requests.stream().filter(request -> request.opcode() == opcode).count();
    }

    @Override
    public void close() {
        kill();
        loops.close();
    }
}
