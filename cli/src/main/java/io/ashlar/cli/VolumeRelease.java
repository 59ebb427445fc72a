package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ReleaseVolume;
import io.ashlar.protocol.message.VolumeInfo;
import picocli.CommandLine.Command;

/** {@code ashlar volume release NAME}. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "release",
        description = "End the attachment of a host that is gone for good; if it comes back, it is fenced.",
        mixinStandardHelpOptions = true)
final class VolumeRelease extends NamedVolumeCommand {
    @Override
    public void run() {
        ReleaseVolume command = ReleaseVolume.newBuilder().setName(name()).build();
        VolumeInfo volume =
                ask(AdminRequest.newBuilder().setReleaseVolume(command)).getReleaseVolume();
        output().print("released volume " + name(), VolumeView.all(volume));
    }
}
