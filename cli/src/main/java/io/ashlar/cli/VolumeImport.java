package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32cSum;
import io.ashlar.base.text.SizeText;
import io.ashlar.client.copy.CopyReport;
import io.ashlar.client.copy.VolumeCopy;
import io.ashlar.client.volume.AccessMode;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.CreateVolume;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ashlar volume import NAME FILE|-}: a raw image into a volume. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "import",
        description = "Write a raw image into a volume; nobody else may hold it. Zeroes take no space. What the volume"
                + " holds behind the image's end stays.",
        mixinStandardHelpOptions = true)
final class VolumeImport implements Callable<Integer> {
    /** Logical blocks of a volume that is made for an image. */
    private static final int BLOCK_BYTES = 4096;

    @Parameters(index = "0", paramLabel = "NAME", description = "The volume.")
    private String name;

    @Parameters(index = "1", paramLabel = "FILE", description = "The raw image; - is standard input.")
    private String image;

    @Option(names = "--create", description = "Create the volume, as large as the image.")
    private boolean create;

    @Option(names = "--resume", description = "Go on with an import that was interrupted; the image must be the same.")
    private boolean resume;

    @Option(names = "--verify", description = "Read the volume again at the end, and compare.")
    private boolean verify;

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public Integer call() {
        boolean fromFile = !image.equals("-");
        if (!fromFile && (resume || create)) {
            throw Failure.failed("--resume and --create need a file; make the volume first, with volume create");
        }
        Path path = fromFile ? Path.of(image).toAbsolutePath() : null;
        if (fromFile && !Files.isRegularFile(path)) {
            throw Failure.failed("there is no image " + image);
        }
        CopyReport report;
        try {
            InetSocketAddress node = create ? create(Files.size(path)) : server.nodeOf(name);
            try (CopySession session = new CopySession(node, name, AccessMode.READ_WRITE, image());
                    ProgressLine line = new ProgressLine(output)) {
                report = fromFile
                        ? fromFile(session, line, path)
                        : copy(session, line, Channels.newChannel(System.in), new Crc32cSum(), 0, null);
            }
        } catch (IOException e) {
            throw Failure.failed("can't import " + image + ": " + e.getMessage(), e);
        }
        output.print(
                "imported " + name + ", " + SizeText.format(report.sizeBytes()) + ", "
                        + SizeText.format(report.dataBytes()) + " of data, CRC32C " + report.checksum()
                        + (verify ? ", verified" : ""),
                report);
        return 0;
    }

    /** Returns what tells this import from others of this host. */
    private String image() {
        return image.equals("-")
                ? "pid-" + ProcessHandle.current().pid()
                : Path.of(image).toAbsolutePath().toString();
    }

    private InetSocketAddress create(long imageBytes) {
        InetSocketAddress node = server.only("that it is to be on");
        CreateVolume command = CreateVolume.newBuilder()
                .setName(name)
                .setSizeBytes((imageBytes + BLOCK_BYTES - 1) & -BLOCK_BYTES)
                .setLogicalBlockBytes(BLOCK_BYTES)
                .build();
        Node.ask(node, AdminRequest.newBuilder().setCreateVolume(command).build());
        return node;
    }

    private CopyReport fromFile(CopySession session, ProgressLine line, Path path) throws IOException {
        long size = Files.size(path);
        if (size > session.sizeBytes()) {
            throw new IOException("it has " + size + " bytes, the volume only " + session.sizeBytes());
        }
        String subject = "import-" + session.volumeId() + "-" + size + "-"
                + Files.getLastModifiedTime(path).toMillis();
        CopyState state = Files.isWritable(path.getParent()) ? new CopyState(path, subject) : null;
        if (resume && state == null) {
            throw Failure.failed("there is nothing to resume: " + path.getParent() + " can't be written to");
        }
        Crc32cSum sum = resume ? state.read() : new Crc32cSum();
        try (FileChannel file = FileChannel.open(path)) {
            file.position(sum.lengthBytes());
            if (state != null) {
                state.write(sum);
            }
            CopyReport report = copy(session, line, file, sum, size, state);
            if (state != null) {
                state.remove();
            }
            return report;
        }
    }

    private CopyReport copy(
            CopySession session,
            ProgressLine line,
            ReadableByteChannel from,
            Crc32cSum sum,
            long totalBytes,
            CopyState state)
            throws IOException {
        CopyReport report;
        try (VolumeCopy copy = session.copy(line, "imported", totalBytes, state)) {
            report = copy.copyIn(from, sum);
        }
        if (verify) {
            long rounded = (report.sizeBytes() + session.blockBytes() - 1) & -session.blockBytes();
            Crc32cSum expected = new Crc32cSum(sum.value(), sum.lengthBytes());
            expected.appendZeroes(rounded - report.sizeBytes());
            if (!session.checksum(line, rounded).equals(expected.text())) {
                throw new IOException("the volume reads back with another checksum than the image has");
            }
        }
        return report;
    }
}
