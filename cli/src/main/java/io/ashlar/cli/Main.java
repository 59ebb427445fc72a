package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The {@code ashlar} command: parses the command line and turns every failure into one line and an exit code. */
@Immutable
@Command(
        name = "ashlar",
        description = "A networked block store: volumes on storage nodes, exposed as /dev/vdX.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            ServerCommand.class,
            VolumeCommand.class,
            BridgeCommand.class,
            AttachCommand.class,
            DetachCommand.class,
            AttachmentsCommand.class,
            NbdCommand.class,
            BenchCommand.class,
            StoreCommand.class,
            DoctorCommand.class,
            AutoComplete.GenerateCompletion.class
        },
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:done",
            "1:refused or failed; the last line on standard error says why",
            "2:wrong usage",
            "3:the server or the bridge can't be reached"
        })
public final class Main {
    private Main() {}

    /** Runs one command and exits with its code. */
    public static void main(String[] args) {
        CommandLine commandLine = commandLine();
        int code;
        try {
            code = commandLine.execute(args);
        } catch (Error e) {
            // Such as a native library that can't be loaded: threads started by then must not keep a dead node running.
            code = Failure.report(rootOf(e), commandLine.getErr());
        }
        System.exit(code);
    }

    private static Throwable rootOf(Throwable failure) {
        return failure.getCause() == null ? failure : rootOf(failure.getCause());
    }

    /** Returns the whole command tree, with the error rules. */
    static CommandLine commandLine() {
        CommandLine commandLine = new CommandLine(new Main());
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        commandLine.setParameterExceptionHandler(Main::usageError);
        commandLine.setExecutionExceptionHandler((e, command, parsed) -> Failure.report(e, command.getErr()));
        return commandLine;
    }

    /** One line: what is wrong, and where to look. Picocli's own handler prints the whole usage. */
    private static int usageError(CommandLine.ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        String message = e.getMessage().replaceAll("\\s*\\R\\s*", " ");
        command.getErr()
                .println("ashlar: " + message + " (see "
                        + command.getCommandSpec().qualifiedName() + " --help)");
        return CommandLine.ExitCode.USAGE;
    }
}
