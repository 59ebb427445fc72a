package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ReleaseVolume;
import io.ashlar.protocol.message.VolumeInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code ashlar volume release NAME}. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "release",
        description = "End the attachment of a host that is gone for good; if it comes back, it is fenced.",
        mixinStandardHelpOptions = true)
final class VolumeRelease implements Runnable {
    @Parameters(paramLabel = "NAME", description = "The volume.")
    private String name;

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public void run() {
        ReleaseVolume command = ReleaseVolume.newBuilder().setName(name).build();
        VolumeInfo volume = Node.ask(
                        server.nodeOf(name),
                        AdminRequest.newBuilder().setReleaseVolume(command).build())
                .getReleaseVolume();
        output.print("released volume " + name, VolumeView.all(volume));
    }
}
