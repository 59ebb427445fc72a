package io.ashlar.server.session;

import io.ashlar.base.annotation.ThreadSafe;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.channel.unix.IntegerUnixChannelOption;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Chooses the loop of a new connection: that of the CPU on which the kernel works its packets off, so that they are in the
 * cache, and that no other CPU has to be woken for a request. A network card may bring everything to one CPU, so a loop that
 * has many more connections than another is passed over.
 */
@ThreadSafe
final class LoopChoice {
    /** SO_INCOMING_CPU at level SOL_SOCKET (asm-generic/socket.h). */
    private static final ChannelOption<Integer> INCOMING_CPU = new IntegerUnixChannelOption("SO_INCOMING_CPU", 1, 49);

    /** Stands for the CPU of a loop that is to be near to nothing. */
    static final int NO_CPU = -1;

    /** A loop may have this many connections more than another: a volume has one that does next to nothing. */
    private static final int SLACK = 1;

    /** And this part of what the other has, because hosts' connections don't come in evenly. */
    private static final int SLACK_PART = 4;

    private final List<Integer> cpus;
    private final AtomicIntegerArray connections;

    /** Creates the choice between loops that are pinned to these CPUs. */
    LoopChoice(List<Integer> cpus) {
        this.cpus = cpus;
        connections = new AtomicIntegerArray(cpus.size());
    }

    /** Returns the index of the loop for a channel that is not registered yet, and counts the connection there. */
    int take(Channel channel) {
        Integer cpu = channel.config().getOption(INCOMING_CPU);
        return take(cpu == null ? NO_CPU : cpu);
    }

    int take(int cpu) {
        int least = 0;
        int near = -1;
        for (int i = 0; i < cpus.size(); i++) {
            if (connections.get(i) < connections.get(least)) {
                least = i;
            }
            if (cpu >= 0 && cpus.get(i) == cpu) {
                near = i;
            }
        }
        int fewest = connections.get(least);
        boolean mayBeNear = near >= 0 && connections.get(near) <= fewest + fewest / SLACK_PART + SLACK;
        int chosen = mayBeNear ? near : least;
        connections.incrementAndGet(chosen);
        return chosen;
    }

    /** Counts the end of a connection. */
    void giveBack(int index) {
        connections.decrementAndGet(index);
    }
}
