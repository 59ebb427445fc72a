package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.text.SizeText;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.CreateVolume;
import io.ashlar.protocol.message.VolumeInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ashlar volume create NAME --size SIZE}. */
@ConfinedTo(LoopKind.OWNER)
@Command(name = "create", description = "Create an empty volume.", mixinStandardHelpOptions = true)
final class VolumeCreate implements Runnable {
    @Parameters(
            paramLabel = "NAME",
            description = "1 to 63 characters: small letters, digits, and inside also '.', '_' and '-'.")
    private String name;

    @Option(
            names = "--size",
            required = true,
            paramLabel = "SIZE",
            converter = Size.class,
            description = "Size, such as 10G; a multiple of the block size, at most 1P. It is allocated when written.")
    private long sizeBytes;

    @Option(
            names = "--block-size",
            paramLabel = "BYTES",
            defaultValue = "4096",
            description = "Logical block size, 512 or 4096 (default: ${DEFAULT-VALUE}).")
    private int blockSize;

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public void run() {
        if (blockSize != 512 && blockSize != 4096) {
            throw Failure.failed("--block-size: " + blockSize + " is neither 512 nor 4096");
        }
        CreateVolume command = CreateVolume.newBuilder()
                .setName(name)
                .setSizeBytes(sizeBytes)
                .setLogicalBlockBytes(blockSize)
                .build();
        VolumeInfo volume = Node.ask(
                        server.only("that it is to be on"),
                        AdminRequest.newBuilder().setCreateVolume(command).build())
                .getCreateVolume();
        output.print(
                "created volume " + name + ", " + SizeText.format(sizeBytes) + ", blocks of " + blockSize + " bytes",
                VolumeView.all(volume));
    }
}
