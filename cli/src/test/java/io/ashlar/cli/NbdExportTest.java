package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.sys.Linux;
import io.ashlar.cli.metrics.MetricsPage;
import io.ashlar.cli.metrics.NbdMetrics;
import io.ashlar.nbd.handshake.NbdExport;
import io.ashlar.nbd.session.NbdLimits;
import io.ashlar.nbd.session.NbdServer;
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
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** A volume of a real node, over NBD, with a client that nobody here wrote. */
class NbdExportTest {
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
            file.setLength(256 << 20);
            file.seek(100 << 20);
            file.write(data);
        }
        ListenAddress any = new ListenAddress("127.0.0.1", 0);
        InetSocketAddress loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (StorageNode node = StorageNode.start(
                        ServerConfig.of(folder.resolve("data")).withAddresses(any, any, false));
                EpollLoops loops = EpollLoops.floating("nbd", 2)) {
            create("127.0.0.1:" + node.addresses().block().getPort());
            VolumeOpener opener = new RemoteVolumes(List.of(node.addresses().block()), 0, "-nbd")
                    .on(loops.all().get(0));
            VolumeOpener.OpenedVolume volume = opener.open("v", false, false);
            NbdExport export = new NbdExport("v", "", volume.device(), false);
            try (NbdServer server = NbdServer.listen(export, NbdLimits.DEFAULT, loopback, loops.all())) {
                String uri = "nbd://127.0.0.1:" + server.port() + "/v";
                succeed("nbdcopy", "--flush", image.toString(), uri);
                assertThat(succeed("nbdinfo", "--map", uri).lines().map(line -> line.strip()
                                .split(" +", 3)[1]))
                        .containsExactly("" + (100 << 20), "" + (1 << 20), "" + (155 << 20));
                Path back = folder.resolve("back");
                succeed("nbdcopy", uri, back.toString());
                try (MetricsPage page = NbdMetrics.page("v", volume.device(), server, "ashlar/test")) {
                    assertThat(page.text())
                            .containsPattern("ashlar_nbd_data_bytes_total\\{operation=\"write\",volume=\"v\"} 1048576")
                            .containsPattern(
                                    "ashlar_nbd_requests_total\\{operation=\"flush\",status=\"ok\",volume=\"v\"} [1-9]")
                            .containsPattern(
                                    "ashlar_nbd_requests_total\\{operation=\"block_status\",status=\"ok\",.*} [1-9]")
                            .contains("ashlar_nbd_in_flight{volume=\"v\"} 0.0");
                }
                assertThat(NbdMetrics.ailment("v", volume.device())).isEmpty();
                assertThat(Files.mismatch(image, back)).isEqualTo(-1);
                assertThat(Linux.allocatedBytes(back.toString())).isLessThan(4 << 20);
            } finally {
                volume.device().close();
            }
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
