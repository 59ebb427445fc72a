package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import picocli.CommandLine.Command;

/** {@code ashlar volume}: groups the commands that make, show and remove volumes. */
@Immutable
@Command(
        name = "volume",
        description = "Create, list, show, resize, release, delete, import and export volumes.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            VolumeCreate.class,
            VolumeList.class,
            VolumeShow.class,
            VolumeResize.class,
            VolumeRelease.class,
            VolumeDelete.class,
            VolumeImport.class,
            VolumeExport.class
        })
final class VolumeCommand {}
