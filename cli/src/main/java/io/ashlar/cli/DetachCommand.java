package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ashlar detach NAME}. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "detach",
        description = "Detach a volume from this host. Refused, saying who, while it is mounted or open.",
        mixinStandardHelpOptions = true)
final class DetachCommand implements Runnable {
    @Parameters(paramLabel = "NAME", description = "The volume.")
    private String name;

    @Option(
            names = "--force",
            description = "Detach it under its users: their I/O fails, and what was not flushed is lost.")
    private boolean force;

    @Mixin
    private ControlOption control;

    @Mixin
    private Output output;

    @Override
    public void run() {
        control.ask(bridge -> {
            bridge.detach(name, force);
            return null;
        });
        output.print("detached " + name, Map.of("name", name, "detached", true));
    }
}
