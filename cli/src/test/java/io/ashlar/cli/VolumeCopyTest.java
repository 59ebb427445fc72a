package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.sys.Linux;
import io.ashlar.server.StorageNode;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.ServerConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Import and export through a real node. */
class VolumeCopyTest {
    private static final int SIZE = (24 << 20) + 700;

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

    private String run(int exitCode, String... words) {
        StringWriter out = new StringWriter();
        CommandLine commandLine = Main.commandLine();
        commandLine.setOut(new PrintWriter(out, true));
        commandLine.setErr(new PrintWriter(out, true));
        String[] all = new String[words.length + 2];
        System.arraycopy(words, 0, all, 0, words.length);
        all[words.length] = "--server";
        all[words.length + 1] = "127.0.0.1:" + node.addresses().block().getPort();
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
}
