package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.DeleteVolume;
import io.ashlar.protocol.message.VolumeInfo;
import picocli.CommandLine.Command;

/** {@code ashlar volume delete NAME}. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "delete",
        aliases = "rm",
        description = "Delete a volume and its data. Refused while a host holds it.",
        mixinStandardHelpOptions = true)
final class VolumeDelete extends NamedVolumeCommand {
    @Override
    public void run() {
        DeleteVolume command = DeleteVolume.newBuilder().setName(name()).build();
        VolumeInfo volume =
                ask(AdminRequest.newBuilder().setDeleteVolume(command)).getDeleteVolume();
        output().print("deleted volume " + name(), VolumeView.all(volume));
    }
}
