package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** The {@code --server} option of every command that talks to nodes. Mixed in. */
@ConfinedTo(LoopKind.OWNER)
final class ServerOption {
    @Option(
            names = "--server",
            paramLabel = "HOST:PORT[,HOST:PORT...]",
            description = "The storage node; of several, the one that has the volume (default: $ASHLAR_SERVER, or"
                    + " ${DEFAULT-VALUE}).",
            defaultValue = "${env:ASHLAR_SERVER:-127.0.0.1:7440}")
    private String server;

    String text() {
        return server;
    }

    /** Throws a {@link Failure} if it makes no sense, whether or not the names are known. */
    void check() {
        for (String text : server.split(",", -1)) {
            Addresses.unresolved(text, "--server");
        }
    }

    /** Returns the nodes, each once, in the order given. */
    List<InetSocketAddress> addresses() {
        return Stream.of(server.split(",", -1))
                .map(text -> Addresses.parse(text, "--server"))
                .distinct()
                .toList();
    }

    /** Returns the only node; a {@link Failure} where several are named. */
    InetSocketAddress only(String purpose) {
        List<InetSocketAddress> nodes = addresses();
        if (nodes.size() > 1) {
            throw Failure.failed("--server names " + nodes.size() + " nodes: name the one " + purpose);
        }
        return nodes.get(0);
    }

    /** Returns the node that has the volume: the only one, unasked, or the one of several that says so. */
    InetSocketAddress nodeOf(String volume) {
        return VolumeLookup.find(addresses(), volume, 0);
    }
}
