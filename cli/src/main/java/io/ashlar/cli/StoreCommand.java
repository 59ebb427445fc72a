package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import picocli.CommandLine.Command;

/** {@code ashlar store}: works on the data folder of a node that does not run. */
@Immutable
@Command(
        name = "store",
        description = "Check a node's data folder, or get a volume out of it, with every daemon down.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {StoreCheckCommand.class, StoreExportCommand.class})
final class StoreCommand {}
