package io.ashlar.base.net;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** In these tests the host's congestion control stands for one that paces, whatever it is. */
class PacingTest {
    private static final String ANY = "";
    private static final String NONE = "none is called that";

    private final EpollLoops loops = EpollLoops.floating("test", 1);
    private final EpollServerSocketChannel server = new EpollServerSocketChannel();
    private final String ofTheHost = Pacing.congestionControlOf(server);

    @AfterEach
    void close() {
        if (!server.isRegistered()) {
            server.unsafe().closeForcibly();
        }
        loops.close();
    }

    @Test
    void shouldHaveRenoWithinTheHost() throws Exception {
        Pacing pacing = Pacing.off(server, ANY);
        assertThat(congestionControlOfOneFrom(1, pacing)).isEqualTo("reno");
    }

    @Test
    void shouldGiveTheCongestionControlOfTheHostBackWhereTheOtherEndIsElsewhere() throws Exception {
        Pacing pacing = Pacing.off(server, ANY);
        assertThat(Pacing.congestionControlOf(server)).isEqualTo("reno");
        assertThat(congestionControlOfOneFrom(2, pacing)).isEqualTo(ofTheHost);
    }

    @Test
    void shouldLeaveAHostAloneThatDoesNotPace() throws Exception {
        Pacing pacing = Pacing.off(server, NONE);
        assertThat(congestionControlOfOneFrom(1, pacing)).isEqualTo(ofTheHost);
    }

    @Test
    void shouldLeaveAChannelAloneThatIsNoTcpSocket() {
        EmbeddedChannel channel = new EmbeddedChannel();
        Pacing.off(channel, ANY).onConnected(channel);
        assertThat(channel.isActive()).isTrue();
    }

    /** Connects from 127.0.0.N to 127.0.0.1: any other stands for another host. */
    private String congestionControlOfOneFrom(int n, Pacing pacing) throws Exception {
        CompletableFuture<String> result = new CompletableFuture<>();
        server.pipeline().addLast(new ChannelInboundHandlerAdapter() {
            @Override
            public void channelRead(ChannelHandlerContext ctx, Object message) {
                Channel accepted = (Channel) message;
                pacing.onConnected(accepted);
                result.complete(Pacing.congestionControlOf(accepted));
                accepted.unsafe().closeForcibly();
            }
        });
        EventLoop loop = loops.all().get(0).eventLoop();
        loop.register(server).sync();
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)).sync();
        try (Socket client = new Socket()) {
            client.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) n}), 0));
            client.connect(server.localAddress());
            return result.get(60, TimeUnit.SECONDS);
        }
    }
}
