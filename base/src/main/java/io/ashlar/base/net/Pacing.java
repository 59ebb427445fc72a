package io.ashlar.base.net;

import io.ashlar.base.annotation.ThreadSafe;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.unix.RawUnixChannelOption;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps TCP from pacing what does not leave the host. Where BBR is the host's congestion control, TCP sends a piece at a time, with a
 * timer for the next; between two processes of one host there is no network to be gentle with, and the timers cost up to half
 * of the throughput of large requests ({@code docs/benchmarks.md}). So such connections get Reno, which every kernel has and everybody may
 * ask for; nothing is changed where the host does not use BBR, and for peers elsewhere.
 *
 * <p>A connection that has begun to pace goes on with it whatever its congestion control is later. So a socket is made not to before
 * it listens or connects, and gets the host's back when it turns out to lead to another host. On any thread that may use the
 * channel; each call is one or two setsockopt(2).
 */
@ThreadSafe
public final class Pacing {
    private static final Logger LOG = LoggerFactory.getLogger(Pacing.class);

    /** What BBR and its later versions begin with (net/ipv4/tcp_bbr.c). */
    private static final String BBR = "bbr";

    private static final String RENO = "reno";

    /** TCP_CA_NAME_MAX of net/tcp.h. */
    private static final int NAME_BYTES = 16;

    /** TCP_CONGESTION (linux/tcp.h) at level IPPROTO_TCP. */
    private static final RawUnixChannelOption CONGESTION =
            new RawUnixChannelOption("TCP_CONGESTION", 6, 13, NAME_BYTES);

    private final String congestionControl;

    private Pacing(String congestionControl) {
        this.congestionControl = congestionControl;
    }

    /** Turns pacing off for a socket that does not listen or connect yet. A channel of another kind is left alone. */
    public static Pacing off(Channel channel) {
        return off(channel, BBR);
    }

    /** The same where what begins with {@code paces} is taken to be what paces. */
    static Pacing off(Channel channel, String paces) {
        if (!(channel instanceof EpollSocketChannel || channel instanceof EpollServerSocketChannel)) {
            return new Pacing(null);
        }
        try {
            String congestionControl = congestionControlOf(channel);
            if (congestionControl.startsWith(paces)) {
                set(channel, RENO);
                return new Pacing(congestionControl);
            }
        } catch (ChannelException e) { // a sandbox without the option
            LOG.debug("can't find out how TCP sends: {}", e.getMessage());
        }
        return new Pacing(null);
    }

    /** Gives a connection, which the socket has accepted or become, the host's congestion control back if it leads to another host. */
    public void onConnected(Channel channel) {
        if (congestionControl != null && !isWithinHost(channel.localAddress(), channel.remoteAddress())) {
            set(channel, congestionControl);
        }
    }

    /** A connection within a host has one address at both ends, whichever of the host's it is. */
    private static boolean isWithinHost(SocketAddress local, SocketAddress remote) {
        return local instanceof InetSocketAddress here
                && remote instanceof InetSocketAddress there
                && here.getAddress().equals(there.getAddress());
    }

    static String congestionControlOf(Channel channel) {
        ByteBuffer name = channel.config().getOption(CONGESTION);
        String padded = StandardCharsets.US_ASCII.decode(name).toString();
        int end = padded.indexOf('\0');
        return end < 0 ? padded : padded.substring(0, end);
    }

    private static void set(Channel channel, String congestionControl) {
        byte[] name = congestionControl.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer padded = ByteBuffer.allocate(NAME_BYTES).put(name).rewind();
        try {
            channel.config().setOption(CONGESTION, padded);
        } catch (ChannelException e) { // it works as well without, but slower
            LOG.debug("can't give a connection the congestion control {}: {}", congestionControl, e.getMessage());
        }
    }
}
