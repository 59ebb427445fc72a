package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.store.StoreCheck;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StoreException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code ashlar store check DIR}: reads everything, changes nothing. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "check",
        description = "Read every block of a data folder and compare it with its checksum. Changes nothing. Exit code 1"
                + " when something is wrong.",
        mixinStandardHelpOptions = true)
final class StoreCheckCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "The data folder; no node may be running on it.")
    private Path folder;

    @Mixin
    private Output output;

    @Override
    public Integer call() {
        StoreCheck.Report report;
        try (ProgressLine progress = new ProgressLine(output)) {
            report = new StoreCheck(
                            folder,
                            new LinuxStorageIo(),
                            (volume, done, total) ->
                                    progress.show("volume " + volume + ": " + done + " of " + total + " extents"))
                    .run();
        } catch (StoreException e) {
            throw Failure.failed(e.getMessage(), e);
        }
        if (!output.isJson()) {
            for (StoreCheck.Finding finding : report.findings()) {
                output.out().println(Findings.line(finding));
            }
        }
        output.print(
                report.volumes() + " volumes, " + report.extents() + " extents, " + report.blocks()
                        + " blocks read; " + report.regionsToSettle() + " regions to settle at the next start; "
                        + (report.isSound() ? "nothing is wrong" : report.findingsCount() + " problems"),
                report);
        return report.isSound() ? 0 : Failure.FAILED;
    }
}
