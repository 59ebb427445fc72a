package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ShowVolume;
import io.ashlar.protocol.message.VolumeInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code ashlar volume show NAME}. */
@ConfinedTo(LoopKind.OWNER)
@Command(name = "show", description = "Show one volume, and who holds it.", mixinStandardHelpOptions = true)
final class VolumeShow implements Runnable {
    @Parameters(paramLabel = "NAME", description = "The volume.")
    private String name;

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public void run() {
        ShowVolume command = ShowVolume.newBuilder().setName(name).build();
        VolumeInfo volume = Node.ask(
                        server.nodeOf(name),
                        AdminRequest.newBuilder().setShowVolume(command).build())
                .getShowVolume();
        output.fields(VolumeView.all(volume));
    }
}
