package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.sys.Linux;
import io.ashlar.server.StorageNode;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.ServerConfig;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Import and export through a real node. */
class VolumeCopyTest {
    private static final int SIZE = (24 << 20) + 700;
    /** After so much a copy notes how far it is. */
    private static final long STEP_BYTES = BlockGeometry.EXTENT_BYTES;
    /** More than what is on its way at a time, and not whole blocks. */
    private static final int BEHIND_STEP_BYTES = (24 << 20) + 700;

    @TempDir
    Path folder;

    private StorageNode node;
    private Path image;

    @BeforeEach
    void start() throws IOException {
        ListenAddress any = new ListenAddress("127.0.0.1", 0);
        node = StorageNode.start(ServerConfig.of(folder.resolve("data")).withAddresses(any, any, false));
        image = folder.resolve("image");
        byte[] data = new byte[300_000];
        new Random(7).nextBytes(data);
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(SIZE);
            file.write(data);
            file.seek(9_000_001);
            file.write(data);
            file.seek(SIZE - 1000);
            file.write(data, 0, 1000);
        }
    }

    @AfterEach
    void stop() {
        node.close();
    }

    private String address() {
        return "127.0.0.1:" + node.addresses().block().getPort();
    }

    private String run(int exitCode, String... words) {
        StringWriter out = new StringWriter();
        CommandLine commandLine = Main.commandLine();
        commandLine.setOut(new PrintWriter(out, true));
        commandLine.setErr(new PrintWriter(out, true));
        String[] all = new String[words.length + 2];
        System.arraycopy(words, 0, all, 0, words.length);
        all[words.length] = "--server";
        all[words.length + 1] = address();
        assertThat(commandLine.execute(all)).as(out.toString()).isEqualTo(exitCode);
        return out.toString();
    }

    private static String crcIn(String output) {
        Matcher matcher = Pattern.compile("CRC32C ([0-9a-f]{8})").matcher(output);
        assertThat(matcher.find()).as(output).isTrue();
        return matcher.group(1);
    }

    @Test
    void shouldGetTheSameImageBackWithItsHolesAndItsChecksum() throws Exception {
        String imported = run(0, "volume", "import", "v", image.toString(), "--create", "--verify");
        CRC32C crc = new CRC32C();
        crc.update(Files.readAllBytes(image));
        assertThat(crcIn(imported)).isEqualTo(String.format("%08x", crc.getValue()));
        assertThat(imported).contains("verified");
        Path back = folder.resolve("back");
        assertThat(run(0, "volume", "export", "v", back.toString(), "--verify")).contains("verified");
        byte[] expected = Arrays.copyOf(Files.readAllBytes(image), (SIZE + 4095) / 4096 * 4096);
        assertThat(Files.readAllBytes(back)).isEqualTo(expected);
        assertThat(folder.resolve("back.ashlar-copy")).doesNotExist();
        assertThat(Linux.allocatedBytes(back.toString())).isLessThan(4 << 20);
        assertThat(storedBytes()).as("two megabytes of map included").isLessThan(8 << 20);
    }

    private long storedBytes() {
        Matcher matcher =
                Pattern.compile("\"storedBytes\" : (\\d+)").matcher(run(0, "volume", "show", "v", "-o", "json"));
        assertThat(matcher.find()).isTrue();
        return Long.parseLong(matcher.group(1));
    }

    @Test
    void shouldMakeOldDataZeroWhereTheImageHasZeroes() throws Exception {
        run(0, "volume", "create", "v", "--size", "32M");
        Path full = folder.resolve("full");
        byte[] data = new byte[32 << 20];
        new Random(8).nextBytes(data);
        Files.write(full, data);
        run(0, "volume", "import", "v", full.toString());
        run(0, "volume", "import", "v", image.toString(), "--verify");
        Path back = folder.resolve("back");
        run(0, "volume", "export", "v", back.toString());
        byte[] expected = data.clone();
        byte[] head = Arrays.copyOf(Files.readAllBytes(image), (SIZE + 4095) / 4096 * 4096);
        System.arraycopy(head, 0, expected, 0, head.length);
        assertThat(Files.readAllBytes(back)).isEqualTo(expected);
    }

    @Test
    void shouldRefuseAnImageThatIsTooLarge() {
        run(0, "volume", "create", "v", "--size", "16M");
        assertThat(run(1, "volume", "import", "v", image.toString())).contains("the volume only 16777216");
    }

    @Test
    void shouldGoOnWhereItWasInterruptedAndNotWithAnythingElse() throws Exception {
        run(0, "volume", "import", "v", image.toString(), "--create");
        Path back = folder.resolve("back");
        String whole = crcIn(run(0, "volume", "export", "v", back.toString()));
        byte[] expected = Files.readAllBytes(back);
        // As if an export had been interrupted after 8 MiB, with rubbish behind.
        CRC32C crc = new CRC32C();
        crc.update(expected, 0, 8 << 20);
        Files.write(back, new byte[5 << 20], StandardOpenOption.APPEND);
        String id = volumeId();
        Files.writeString(
                folder.resolve("back.ashlar-copy"),
                "ashlar-copy-1 export-%s-%d %d %08x".formatted(id, expected.length, 8 << 20, crc.getValue()));
        assertThat(crcIn(run(0, "volume", "export", "v", back.toString(), "--resume", "--verify")))
                .isEqualTo(whole);
        assertThat(Files.readAllBytes(back)).isEqualTo(expected);
        Files.writeString(folder.resolve("back.ashlar-copy"), "ashlar-copy-1 export-0-1 0 00000000");
        assertThat(run(1, "volume", "export", "v", back.toString(), "--resume")).contains("of another copy");
    }

    private String volumeId() {
        Matcher matcher =
                Pattern.compile("\"id\" : \"([-0-9a-f]+)\"").matcher(run(0, "volume", "show", "v", "-o", "json"));
        assertThat(matcher.find()).isTrue();
        return matcher.group(1).replace("-", "");
    }

    /** Longer than the step after which a copy notes how far it is, with some data in front of that and more behind. */
    private Path longImage() throws IOException {
        Path path = folder.resolve("long");
        byte[] data = new byte[BEHIND_STEP_BYTES];
        new Random(9).nextBytes(data);
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.write(data, 0, 1 << 20);
            file.seek(STEP_BYTES);
            file.write(data);
        }
        return path;
    }

    /** Runs a command in a process that can't come to its end, and kills it when it has noted the first step. */
    private void killAfterTheFirstStep(Path state, String... words) throws Exception {
        List<String> all = new ArrayList<>(List.of(words));
        try (StallingProxy proxy = new StallingProxy(node.addresses().block().getPort(), BEHIND_STEP_BYTES / 2)) {
            all.addAll(List.of("--server", proxy.address()));
            try (CommandProcess process = CommandProcess.start(all.toArray(String[]::new))) {
                proxy.awaitStall();
                while (!Files.readString(state).contains(" " + STEP_BYTES + " ")) {
                    Thread.sleep(10);
                }
                process.kill();
            }
        }
    }

    private static long numberIn(String output, String field) {
        Matcher matcher = Pattern.compile("\"" + field + "\" : (\\d+)").matcher(output);
        assertThat(matcher.find()).as(output).isTrue();
        return Long.parseLong(matcher.group(1));
    }

    @Test
    @Timeout(120) // against a process that neither notes a step nor stalls
    void shouldGoOnWithAnImportThatWasKilled() throws Exception {
        Path path = longImage();
        Path state = folder.resolve("long.ashlar-copy");
        killAfterTheFirstStep(state, "volume", "import", "v", path.toString(), "--create");
        FileTime written = Files.getLastModifiedTime(path);
        Files.setLastModifiedTime(path, FileTime.fromMillis(written.toMillis() + 1000));
        assertThat(run(1, "volume", "import", "v", path.toString(), "--resume")).contains("of another copy");
        Files.setLastModifiedTime(path, written);
        String report = run(0, "volume", "import", "v", path.toString(), "--resume", "--verify", "-o", "json");
        assertThat(numberIn(report, "dataBytes")).as("what lay behind the step").isEqualTo(BEHIND_STEP_BYTES);
        assertThat(state).doesNotExist();
        Path back = folder.resolve("back");
        run(0, "volume", "export", "v", back.toString());
        expectImage(back, path);
    }

    @Test
    @Timeout(120) // against a process that neither notes a step nor stalls
    void shouldGoOnWithAnExportThatWasKilled() throws Exception {
        Path path = longImage();
        run(0, "volume", "import", "v", path.toString(), "--create");
        Path back = folder.resolve("back");
        Path state = folder.resolve("back.ashlar-copy");
        killAfterTheFirstStep(state, "volume", "export", "v", back.toString());
        assertThat(run(1, "volume", "export", "v", back.toString())).contains("--resume goes on");
        String report = run(0, "volume", "export", "v", back.toString(), "--resume", "--verify", "-o", "json");
        assertThat(numberIn(report, "dataBytes")).as("what lay behind the step").isEqualTo(rounded(BEHIND_STEP_BYTES));
        assertThat(state).doesNotExist();
        expectImage(back, path);
    }

    private static long rounded(long bytes) {
        return (bytes + 4095) / 4096 * 4096;
    }

    /** An exported image is longer than the imported one by what its last block lacked. */
    private static void expectImage(Path back, Path path) throws IOException {
        assertThat(Files.size(back)).isEqualTo(rounded(Files.size(path)));
        assertThat(Files.mismatch(back, path)).isEqualTo(Files.size(path));
        assertThat(Linux.allocatedBytes(back.toString())).isLessThan(2 * BEHIND_STEP_BYTES);
    }

    @Test
    @Timeout(120) // against a process that never sees the end of its input
    void shouldImportWhatComesThroughAPipe() throws Exception {
        run(0, "volume", "create", "v", "--size", "32M");
        byte[] data = Files.readAllBytes(image);
        try (CommandProcess process =
                CommandProcess.start("volume", "import", "v", "-", "--verify", "--server", address())) {
            try (OutputStream pipe = process.input()) {
                pipe.write(data);
            }
            assertThat(process.awaitEnd()).startsWith("exit 0").contains("verified");
        }
        Path back = folder.resolve("back");
        run(0, "volume", "export", "v", back.toString());
        assertThat(Files.readAllBytes(back)).isEqualTo(Arrays.copyOf(data, 32 << 20));
    }

    @Test
    @Timeout(120) // against a process that never sees the end of its input
    void shouldRefuseMoreThroughAPipeThanTheVolumeHolds() throws Exception {
        run(0, "volume", "create", "v", "--size", "16M");
        try (CommandProcess process = CommandProcess.start("volume", "import", "v", "-", "--server", address())) {
            try (OutputStream pipe = process.input()) {
                pipe.write(new byte[(16 << 20) + 1]);
            }
            assertThat(process.awaitEnd()).startsWith("exit 1").contains("which has 16777216 bytes");
        }
    }
}
