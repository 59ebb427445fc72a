package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.text.SizeText;
import io.ashlar.store.StoreExport;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StoreException;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code ashlar store export DIR VOLUME FILE}: a volume as a sparse raw image. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "export",
        description = "Write a volume to a sparse raw image, every block verified. Exit code 1 when some could not be.",
        mixinStandardHelpOptions = true)
final class StoreExportCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "DIR", description = "The data folder; no node may be running on it.")
    private Path folder;

    @Parameters(index = "1", paramLabel = "VOLUME", description = "Name or id of the volume.")
    private String volume;

    @Parameters(index = "2", paramLabel = "FILE", description = "The image to make; must not exist.")
    private Path image;

    @Mixin
    private Output output;

    @Override
    public Integer call() {
        LinuxStorageIo io = new LinuxStorageIo();
        StoreExport.Report report;
        try (ProgressLine progress = new ProgressLine(output)) {
            report = new StoreExport(folder, io, (id, done, total) -> progress.show(done + " of " + total + " extents"))
                    .run(find(io), image);
        } catch (StoreException e) {
            throw Failure.failed(e.getMessage(), e);
        }
        if (!output.isJson()) {
            report.findings().forEach(finding -> output.out().println(Findings.line(finding)));
        }
        output.print(
                "exported " + volume + ", " + SizeText.format(report.sizeBytes()) + ", " + report.blocks()
                        + " blocks of data, to " + image
                        + (report.findingsCount() == 0 ? "" : "; " + report.findingsCount() + " problems"),
                report);
        return report.findingsCount() == 0 ? 0 : Failure.FAILED;
    }

    private UUID find(LinuxStorageIo io) throws StoreException {
        return VolumeCatalogue.read(folder, io).stream()
                .filter(v -> v.name().equals(volume) || v.uuid().toString().equals(volume))
                .map(v -> v.uuid())
                .findFirst()
                .orElseThrow(() -> Failure.failed("there is no volume " + volume + " in " + folder));
    }
}
