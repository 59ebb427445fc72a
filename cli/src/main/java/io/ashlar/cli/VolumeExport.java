package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32cSum;
import io.ashlar.base.text.SizeText;
import io.ashlar.client.copy.CopyReport;
import io.ashlar.client.copy.VolumeCopy;
import io.ashlar.client.volume.AccessMode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.Callable;
import java.util.zip.CRC32C;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ashlar volume export NAME FILE|-}: a volume as a raw image. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "export",
        description =
                "Write a volume to a raw image, sparse where it holds nothing. What somebody writes meanwhile may or"
                        + " may not be in it.",
        mixinStandardHelpOptions = true)
final class VolumeExport implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "NAME", description = "The volume.")
    private String name;

    @Parameters(index = "1", paramLabel = "FILE", description = "The image to make; - is standard output.")
    private String image;

    @Option(names = "--resume", description = "Go on with an export that was interrupted.")
    private boolean resume;

    @Option(names = "--verify", description = "Read the image again at the end, and compare.")
    private boolean verify;

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public Integer call() {
        boolean toFile = !image.equals("-");
        if (!toFile && (resume || verify)) {
            throw Failure.failed("--resume and --verify need a file");
        }
        if (toFile && !resume && Files.exists(Path.of(image))) {
            boolean interrupted = CopyState.exists(Path.of(image).toAbsolutePath());
            throw Failure.failed(image + " exists already"
                    + (interrupted ? "; --resume goes on with the export that was interrupted" : ""));
        }
        CopyReport report;
        try (CopySession session = new CopySession(server.nodeOf(name), name, AccessMode.READ_ONLY, image);
                ProgressLine line = new ProgressLine(output)) {
            report = toFile ? toFile(session, line) : toStandardOutput(session, line);
        } catch (IOException e) {
            throw Failure.failed("can't export " + name + ": " + e.getMessage(), e);
        }
        String text = "exported " + name + ", " + SizeText.format(report.sizeBytes()) + ", "
                + SizeText.format(report.dataBytes()) + " of data, CRC32C " + report.checksum()
                + (verify ? ", verified" : "");
        if (toFile) {
            output.print(text, report);
        } else {
            output.err().println(text);
        }
        return 0;
    }

    private static CopyReport toStandardOutput(CopySession session, ProgressLine line) throws IOException {
        try (VolumeCopy copy = session.copy(line, "exported", session.sizeBytes(), null)) {
            return copy.copyOut(CopySession.toStandardOutput(), new Crc32cSum(), session.sizeBytes());
        }
    }

    private CopyReport toFile(CopySession session, ProgressLine line) throws IOException {
        Path path = Path.of(image).toAbsolutePath();
        CopyState state = new CopyState(path, "export-" + session.volumeId() + "-" + session.sizeBytes());
        Crc32cSum sum = resume ? state.read() : new Crc32cSum();
        StandardOpenOption how = resume ? StandardOpenOption.READ : StandardOpenOption.CREATE_NEW;
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.WRITE, how)) {
            setLength(file, sum.lengthBytes(), session.sizeBytes());
            state.write(sum);
            CopyReport report;
            try (VolumeCopy copy = session.copy(line, "exported", session.sizeBytes(), state)) {
                report = copy.copyOut(CopySession.toFile(file), sum, session.sizeBytes());
            }
            file.force(true);
            if (verify && !checksum(path, line).equals(report.checksum())) {
                throw new IOException("the image reads back with another checksum than was written");
            }
            state.remove();
            return report;
        }
    }

    /** Drops what lies behind what is known to be good, and makes the rest one hole. */
    private static void setLength(FileChannel file, long good, long size) throws IOException {
        if (file.size() < good) {
            throw new IOException("the image is shorter than what was exported before");
        }
        file.truncate(good);
        if (good < size) {
            file.write(ByteBuffer.allocate(1), size - 1);
        }
    }

    private static String checksum(Path path, ProgressLine line) throws IOException {
        CRC32C crc = new CRC32C();
        ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
        long done = 0;
        try (FileChannel file = FileChannel.open(path)) {
            while (file.read(buffer.clear()) >= 0) {
                done += buffer.position();
                crc.update(buffer.flip());
                line.show("verified " + SizeText.format(done));
            }
        }
        return new Crc32cSum((int) crc.getValue(), done).text();
    }
}
