package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.text.SizeText;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ResizeVolume;
import io.ashlar.protocol.message.VolumeInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ashlar volume resize NAME --size SIZE}. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "resize",
        description = "Make a volume larger, in use or not; the disk on the host grows with it.",
        mixinStandardHelpOptions = true)
final class VolumeResize extends NamedVolumeCommand {
    @Option(
            names = "--size",
            required = true,
            paramLabel = "SIZE",
            converter = Size.class,
            description = "New size, such as 20G. A smaller one than now is refused.")
    private long sizeBytes;

    @Override
    public void run() {
        ResizeVolume command = ResizeVolume.newBuilder()
                .setName(name())
                .setSizeBytes(sizeBytes)
                .build();
        VolumeInfo volume =
                ask(AdminRequest.newBuilder().setResizeVolume(command)).getResizeVolume();
        output().print("volume " + name() + " is " + SizeText.format(sizeBytes) + " now", VolumeView.all(volume));
    }
}
