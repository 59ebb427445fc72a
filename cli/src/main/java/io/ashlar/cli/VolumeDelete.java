package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.DeleteVolume;
import io.ashlar.protocol.message.VolumeInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code ashlar volume delete NAME}. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "delete",
        aliases = "rm",
        description = "Delete a volume and its data. Refused while a host holds it.",
        mixinStandardHelpOptions = true)
final class VolumeDelete implements Runnable {
    @Parameters(paramLabel = "NAME", description = "The volume.")
    private String name;

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public void run() {
        DeleteVolume command = DeleteVolume.newBuilder().setName(name).build();
        VolumeInfo volume = Node.ask(
                        server.nodeOf(name),
                        AdminRequest.newBuilder().setDeleteVolume(command).build())
                .getDeleteVolume();
        output.print("deleted volume " + name, VolumeView.all(volume));
    }
}
