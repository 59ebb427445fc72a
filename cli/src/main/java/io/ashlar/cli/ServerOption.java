package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.net.InetSocketAddress;
import picocli.CommandLine.Option;

/** The {@code --server} option of every command that talks to a node. Mixed in. */
@ConfinedTo(LoopKind.OWNER)
final class ServerOption {
    @Option(
            names = "--server",
            paramLabel = "HOST:PORT",
            description = "The storage node (default: $ASHLAR_SERVER, or ${DEFAULT-VALUE}).",
            defaultValue = "${env:ASHLAR_SERVER:-127.0.0.1:7440}")
    private String server;

    String text() {
        return server;
    }

    InetSocketAddress address() {
        return Addresses.parse(server, "--server");
    }
}
