package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.vduse.agent.Attachment;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ashlar attach NAME}: prints the block device once it is ready. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "attach",
        description = "Attach a volume to this host and print its block device, such as /dev/vda.",
        mixinStandardHelpOptions = true)
final class AttachCommand implements Runnable {
    @Parameters(paramLabel = "NAME", description = "The volume.")
    private String name;

    @Option(names = "--read-only", description = "Attach it read-only; other hosts may read it as well.")
    private boolean readOnly;

    @Option(
            names = "--steal",
            description = "Take it from the host that holds it: that host can't write a byte more. Say this only when"
                    + " that host is gone.")
    private boolean steal;

    @Mixin
    private ControlOption control;

    @Mixin
    private Output output;

    @Override
    public void run() {
        Attachment attachment = control.ask(bridge -> bridge.attach(name, readOnly, steal));
        output.print(attachment.device(), AttachmentsCommand.fields(attachment));
    }
}
