package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.sys.Linux;
import io.ashlar.cli.metrics.MetricsPage;
import io.ashlar.cli.metrics.NbdMetrics;
import io.ashlar.nbd.handshake.NbdExport;
import io.ashlar.nbd.session.NbdLimits;
import io.ashlar.nbd.session.NbdServer;
import io.ashlar.nbd.session.RawNbd;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.CommandFlags;
import io.ashlar.nbd.wire.Wire;
import io.ashlar.server.StorageNode;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.ServerConfig;
import io.ashlar.vduse.agent.VolumeOpener;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** A volume of a real node, over NBD, with a client that nobody here wrote. */
class NbdExportTest {
    private static final int SIZE = 256 << 20;

    @TempDir
    Path folder;

    private static String succeed(String... command) throws IOException, InterruptedException {
        Path output = Files.createTempFile("tool", ".txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = process.waitFor(60, TimeUnit.SECONDS);
        process.destroyForcibly().waitFor();
        String text = Files.readString(output);
        Files.delete(output);
        assertThat(ended && process.exitValue() == 0)
                .as(List.of(command) + "\n" + text)
                .isTrue();
        return text;
    }

    @Test
    void shouldKeepHolesWhenAThinVolumeIsCopiedInAndOut() throws Exception {
        boolean installed = Stream.of(System.getenv("PATH").split(":", -1))
                .anyMatch(path -> Files.isExecutable(Path.of(path, "nbdcopy")));
        assertThat(installed || !"true".equals(System.getenv("CI")))
                .as("bin/prepare --build installs nbdcopy")
                .isTrue();
        Assumptions.assumeTrue(installed, "bin/prepare --build installs nbdcopy");
        Path image = folder.resolve("image");
        byte[] data = new byte[1 << 20];
        new Random(3).nextBytes(data);
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(SIZE);
            file.seek(100 << 20);
            file.write(data);
        }
        try (Exported exported = new Exported(folder)) {
            String uri = "nbd://127.0.0.1:" + exported.server.port() + "/vol";
            succeed("nbdcopy", "--flush", image.toString(), uri);
            assertThat(succeed("nbdinfo", "--map", uri).lines().map(line -> line.strip()
                            .split(" +", 3)[1]))
                    .containsExactly("" + (100 << 20), "" + (1 << 20), "" + (155 << 20));
            Path back = folder.resolve("back");
            succeed("nbdcopy", uri, back.toString());
            try (MetricsPage page = NbdMetrics.page("v", exported.device, exported.server, "ashlar/test")) {
                assertThat(page.text())
                        .containsPattern("ashlar_nbd_data_bytes_total\\{operation=\"write\",volume=\"v\"} 1048576")
                        .containsPattern(
                                "ashlar_nbd_requests_total\\{operation=\"flush\",status=\"ok\",volume=\"v\"} [1-9]")
                        .containsPattern(
                                "ashlar_nbd_requests_total\\{operation=\"block_status\",status=\"ok\",.*} [1-9]")
                        .contains("ashlar_nbd_in_flight{volume=\"v\"} 0.0");
            }
            assertThat(NbdMetrics.ailment("v", exported.device)).isEmpty();
            assertThat(Files.mismatch(image, back)).isEqualTo(-1);
            assertThat(Linux.allocatedBytes(back.toString())).isLessThan(4 << 20);
        }
    }

    @Test
    void shouldMakeHolesOfWhatIsTrimmedAndZeroedUnlessThatIsForbidden() throws Exception {
        byte[] data = new byte[1 << 20];
        Arrays.fill(data, (byte) 7);
        byte[] nothing = new byte[0];
        try (Exported exported = new Exported(folder);
                RawNbd client = RawNbd.modern(exported.server.port(), true)) {
            assertThat(client.write(0, data)).isZero();
            assertThat(client.ask(Command.TRIM, 0, 64 << 10, 64 << 10, nothing)).isZero();
            assertThat(client.ask(Command.WRITE_ZEROES, 0, 256 << 10, 64 << 10, nothing))
                    .isZero();
            assertThat(client.ask(Command.WRITE_ZEROES, CommandFlags.NO_HOLE, 512 << 10, 64 << 10, nothing))
                    .isZero();
            client.send(Command.BLOCK_STATUS, 0, 0, SIZE, nothing);
            assertThat(client.structured(0, 0).status()).containsExactly(runs("D64 H64 D128 H64 D704 H261120"));
            client.send(Command.READ, 0, 0, data.length, nothing);
            for (int from : new int[] {64 << 10, 256 << 10, 512 << 10}) {
                Arrays.fill(data, from, from + (64 << 10), (byte) 0);
            }
            assertThat(client.structured(0, data.length).data()).isEqualTo(data);
        }
    }

    /** Returns what BLOCK_STATUS answers for runs of KiB of data and of holes. */
    private static int[] runs(String text) {
        return Stream.of(text.split(" ", -1))
                .flatMapToInt(run -> IntStream.of(
                        Integer.parseInt(run.substring(1)) << 10,
                        run.startsWith("H") ? Wire.STATE_HOLE | Wire.STATE_ZERO : 0))
                .toArray();
    }

    /** A volume of a node of its own, served as {@code vol}. */
    private static final class Exported implements AutoCloseable {
        private final EpollLoops loops = EpollLoops.floating("nbd", 2);
        private final StorageNode node;
        private final BlockDevice device;
        private final NbdServer server;

        Exported(Path folder) throws IOException {
            ListenAddress any = new ListenAddress("127.0.0.1", 0);
            node = StorageNode.start(ServerConfig.of(folder.resolve("data")).withAddresses(any, any, false));
            create("127.0.0.1:" + node.addresses().block().getPort());
            VolumeOpener opener = new RemoteVolumes(List.of(node.addresses().block()), 0, "-nbd")
                    .on(loops.all().get(0));
            device = opener.open("v", false, false).device();
            server = NbdServer.listen(
                    new NbdExport("vol", "", device, false),
                    NbdLimits.DEFAULT,
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                    loops.all());
        }

        @Override
        public void close() {
            server.close();
            device.close();
            loops.close();
            node.close();
        }
    }

    private static void create(String server) {
        StringWriter out = new StringWriter();
        CommandLine commandLine = Main.commandLine();
        commandLine.setErr(new PrintWriter(out, true));
        commandLine.setOut(new PrintWriter(out, true));
        int exitCode = commandLine.execute("volume", "create", "v", "--size", "256M", "--server", server);
        assertThat(exitCode).as(out.toString()).isZero();
    }
}
