package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ShowVolume;
import io.ashlar.protocol.message.VolumeInfo;
import picocli.CommandLine.Command;

/** {@code ashlar volume show NAME}. */
@ConfinedTo(LoopKind.OWNER)
@Command(name = "show", description = "Show one volume, and who holds it.", mixinStandardHelpOptions = true)
final class VolumeShow extends NamedVolumeCommand {
    @Override
    public void run() {
        ShowVolume command = ShowVolume.newBuilder().setName(name()).build();
        VolumeInfo volume =
                ask(AdminRequest.newBuilder().setShowVolume(command)).getShowVolume();
        output().fields(VolumeView.all(volume));
    }
}
