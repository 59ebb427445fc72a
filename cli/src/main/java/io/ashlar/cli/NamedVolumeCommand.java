package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.message.AdminAnswer;
import io.ashlar.protocol.message.AdminRequest;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** What the commands have in common that name one volume and ask its node. */
@ConfinedTo(LoopKind.OWNER)
abstract class NamedVolumeCommand implements Runnable {
    @Parameters(paramLabel = "NAME", description = "The volume.")
    private String name;

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    final String name() {
        return name;
    }

    final Output output() {
        return output;
    }

    /** Asks the node that has the volume. */
    final AdminAnswer ask(AdminRequest.Builder request) {
        return Node.ask(server.nodeOf(name), request.build());
    }
}
