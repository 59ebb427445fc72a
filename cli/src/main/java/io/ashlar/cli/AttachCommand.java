package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.vduse.agent.Attachment;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ashlar attach NAME}: prints the block device, or the socket, once it is ready. */
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

    @Option(
            names = "--vhost-user",
            paramLabel = "SOCKET",
            description =
                    "Serve it to virtual machines and tools that connect to this socket, one at a time, instead of"
                            + " as a block device of this host. The socket belongs to the bridge's user (mode 0600).")
    private Path socket;

    @Option(
            names = "--queues",
            paramLabel = "N",
            defaultValue = "0",
            description = "With --vhost-user: virtqueues of the device; 0 means as the bridge is configured (default:"
                    + " ${DEFAULT-VALUE}).")
    private int queues;

    @Mixin
    private ControlOption control;

    @Mixin
    private Output output;

    @Override
    public void run() {
        if (socket == null && queues != 0) {
            throw Failure.failed(
                    "--queues goes with --vhost-user; 'ashlar bridge --queues' says how many block devices have");
        }
        Attachment attachment = control.ask(bridge -> socket == null
                ? bridge.attach(name, readOnly, steal)
                : bridge.attachVhostUser(name, readOnly, steal, socket.toAbsolutePath(), queues));
        output.print(AttachmentsCommand.place(attachment), AttachmentsCommand.fields(attachment));
    }
}
