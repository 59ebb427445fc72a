package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The packed distribution, started by its launcher. Its temporary folder is {@code /proc}, where not even root can make a
 * file: nothing may be extracted there.
 */
@Timeout(120) // against a command that neither speaks nor ends
class DistributionIT {
    private static final Path HOME = Path.of(System.getProperty("ashlar.distribution"));
    private static final String NOWHERE = "/proc";

    @TempDir
    Path folder;

    /** What a command left. */
    private record Result(int exitCode, List<String> lines) {
        String text() {
            return String.join("\n", lines);
        }
    }

    private static ProcessBuilder command(String moreOptions, List<String> arguments) {
        List<String> command =
                new ArrayList<>(List.of(HOME.resolve("bin/ashlar").toString()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.directory(new File(NOWHERE)); // jffi's last resort is the working folder
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("TMPDIR", NOWHERE);
        builder.environment().put("ASHLAR_JAVA_OPTS", "-Djava.io.tmpdir=" + NOWHERE + " " + moreOptions);
        return builder;
    }

    private Result run(String moreOptions, String... arguments) throws IOException, InterruptedException {
        Path output = folder.resolve("output");
        Process process = command(moreOptions, List.of(arguments))
                .redirectOutput(output.toFile())
                .start();
        try {
            boolean ended = process.waitFor(60, TimeUnit.SECONDS);
            Result result = new Result(ended ? process.exitValue() : -1, Files.readAllLines(output));
            assertThat(ended).as("it ends, having said " + result.text()).isTrue();
            return result;
        } finally {
            process.destroyForcibly();
        }
    }

    private static BufferedReader reader(Process process) {
        return new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    private List<String> serverOn(Path data) {
        return List.of("server", "--data", data.toString(), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0");
    }

    /** Returns the first line that starts so, and fails with all of them when there is none. */
    private static String awaitLine(BufferedReader out, String start) throws IOException {
        List<String> lines = new ArrayList<>();
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            if (line.startsWith(start)) {
                return line;
            }
            lines.add(line);
        }
        throw new AssertionError("no line '" + start + "...' in\n" + String.join("\n", lines));
    }

    @Test
    void shouldServeVolumesWhenTheTemporaryFolderTakesNoFile() throws IOException, InterruptedException {
        Process server = command("", serverOn(folder.resolve("data"))).start();
        try {
            String up = awaitLine(reader(server), "node is up");
            String address = up.replaceAll(".*volumes on ([0-9.:]+).*", "$1");
            Result created = run("", "volume", "create", "v", "--size", "64M", "--server", address);
            assertThat(created.exitCode()).as(created.text()).isZero();
            Result load = run("", "bench", "v", "--read-percent", "50", "--seconds", "1", "--server", address);
            assertThat(load.exitCode()).as(load.text()).isZero();
            assertThat(load.text()).contains("requests/s");
            server.destroy();
            assertThat(server.waitFor(40, TimeUnit.SECONDS)).as("it stops").isTrue();
            assertThat(server.exitValue()).isZero();
        } finally {
            server.destroyForcibly();
        }
    }

    @Test
    void shouldTakeAnImageInServeItOnAUnixSocketAndGiveItBack() throws IOException, InterruptedException {
        Path image = folder.resolve("image");
        byte[] data = new byte[5 << 20];
        new Random(11).nextBytes(data);
        Arrays.fill(data, 1 << 20, 4 << 20, (byte) 0);
        Files.write(image, data);
        Process server = command("", serverOn(folder.resolve("data"))).start();
        Process nbd = null;
        try {
            String address = awaitLine(reader(server), "node is up").replaceAll(".*volumes on ([0-9.:]+).*", "$1");
            Result in = run("", "volume", "import", "v", image.toString(), "--create", "--verify", "--server", address);
            assertThat(in.exitCode()).as(in.text()).isZero();
            Path socket = folder.resolve("v.nbd");
            nbd = command("", List.of("nbd", "v", "--socket", socket.toString(), "--server", address))
                    .start();
            assertThat(awaitLine(reader(nbd), "volume v is served on")).contains("?socket=" + socket);
            Path back = folder.resolve("back");
            Result out = run("", "volume", "export", "v", back.toString(), "--verify", "--server", address);
            assertThat(out.exitCode()).as(out.text()).isZero();
            assertThat(back).hasSameBinaryContentAs(image);
            nbd.destroy();
            assertThat(nbd.waitFor(40, TimeUnit.SECONDS)).as("the export stops").isTrue();
            assertThat(nbd.exitValue()).isZero();
            assertThat(socket).doesNotExist();
        } finally {
            server.destroyForcibly();
            if (nbd != null) {
                nbd.destroyForcibly();
            }
        }
    }

    /** The proof that the other tests prove something. */
    @Test
    void shouldNotFindItsLibrariesWhenTheUnpackedOnesAreTakenAway() throws IOException, InterruptedException {
        String elsewhere = "-Djava.library.path=" + folder + " -Djffi.boot.library.path=" + folder;
        Result server = run(elsewhere, serverOn(folder.resolve("data")).toArray(String[]::new));
        assertThat(server.exitCode()).as(server.text()).isEqualTo(1);
        assertThat(server.text()).contains("UnsatisfiedLinkError").doesNotContain("node is up");
    }

    @Test
    void shouldStartABridgeWhetherTheKernelHasVduseOrNot() throws IOException, InterruptedException {
        Path socket = Files.createDirectory(folder.resolve("run")).resolve("bridge.sock");
        Process bridge = command("", List.of("bridge", "--control", socket.toString(), "--server", "127.0.0.1:1"))
                .start();
        try {
            assertThat(awaitLine(reader(bridge), "bridge is up")).contains(socket.toString());
            bridge.destroy();
            assertThat(bridge.waitFor(40, TimeUnit.SECONDS)).as("it stops").isTrue();
            assertThat(bridge.exitValue()).isZero();
        } finally {
            bridge.destroyForcibly();
        }
    }

    @Test
    void shouldHandTheBridgeOverAsTheUnitOfSystemdDoes() throws IOException, InterruptedException {
        Path socket = Files.createDirectory(folder.resolve("run")).resolve("bridge.sock");
        Process server = command("", serverOn(folder.resolve("data"))).start();
        Process bridge = null;
        long[] next = new long[1];
        try {
            String address = awaitLine(reader(server), "node is up").replaceAll(".*volumes on ([0-9.:]+).*", "$1");
            Result created = run("", "volume", "create", "v", "--size", "64M", "--server", address);
            assertThat(created.exitCode()).as(created.text()).isZero();
            String[] options = {"--control", socket.toString(), "--server", address, "--http", "off"};
            bridge = command(
                            "",
                            Stream.concat(Stream.of("bridge"), Stream.of(options))
                                    .toList())
                    .start();
            BufferedReader said = reader(bridge);
            awaitLine(said, "bridge is up");
            String place = folder.resolve("v.sock").toString();
            Result attached = run("", "attach", "v", "--vhost-user", place, "--control", socket.toString());
            assertThat(attached.exitCode()).as(attached.text()).isZero();

            Path record = onlyRecord(Path.of(socket + ".d"));
            String known = Files.readString(record);
            Files.writeString(record, "{\"version\":9}");
            assertThat(handOver(bridge, options))
                    .as("with a record that it does not know")
                    .isEqualTo(1);
            assertThat(Files.readString(folder.resolve("handover"))).contains("the bridge that runs goes on");
            assertThat(bridge.isAlive()).isTrue();

            Files.writeString(record, known);
            assertThat(handOver(bridge, options)).isZero();
            assertThat(bridge.waitFor(20, TimeUnit.SECONDS)).isTrue();
            assertThat(bridge.exitValue()).isZero();
            next[0] = Long.parseLong(
                    awaitLine(said, "ashlar: bridge stopped; process").replaceAll(".*process ([0-9]+) .*", "$1"));
            Result attachments = run("", "attachments", "--control", socket.toString());
            assertThat(attachments.text()).contains(place);
        } finally {
            if (next[0] > 0) {
                ProcessHandle.of(next[0]).ifPresent(ProcessHandle::destroyForcibly);
            }
            server.destroyForcibly();
            if (bridge != null) {
                bridge.destroyForcibly();
            }
        }
    }

    private static Path onlyRecord(Path state) throws IOException {
        try (Stream<Path> files = Files.list(state)) {
            List<Path> records =
                    files.filter(file -> file.toString().endsWith(".json")).toList();
            assertThat(records).hasSize(1);
            return records.get(0);
        }
    }

    private int handOver(Process bridge, String... options) throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(List.of(Long.toString(bridge.pid())));
        arguments.addAll(List.of(options));
        ProcessBuilder builder = command("", arguments);
        builder.command().set(0, HOME.resolve("bin/hand-over").toString());
        Process script =
                builder.redirectOutput(folder.resolve("handover").toFile()).start();
        assertThat(script.waitFor(60, TimeUnit.SECONDS)).as("it ends").isTrue();
        return script.exitValue();
    }

    /** Every path in them exists; so does every key, of which an unknown one is a line and no failure. */
    @Test
    void shouldHoldUnitsThatSystemdTakes() throws IOException, InterruptedException {
        boolean installed = Stream.of(System.getenv("PATH").split(":", -1))
                .anyMatch(path -> Files.isExecutable(Path.of(path, "systemd-analyze")));
        assertThat(installed || !"true".equals(System.getenv("CI")))
                .as("bin/prepare --build installs systemd-analyze")
                .isTrue();
        Assumptions.assumeTrue(installed, "bin/prepare --build installs systemd-analyze");
        for (String name : List.of("ashlar-server.service", "ashlar-bridge.service")) {
            String unit = Files.readString(HOME.resolve("systemd").resolve(name));
            assertThat(unit).contains("/opt/ashlar/bin/ashlar", "/opt/ashlar/README.md");
            assertThat(HOME.resolve("README.md")).isRegularFile();
            Path here = Files.writeString(folder.resolve(name), unit.replace("/opt/ashlar", HOME.toString()));
            Path output = folder.resolve("output");
            Process tool = new ProcessBuilder("systemd-analyze", "verify", here.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            assertThat(tool.waitFor(60, TimeUnit.SECONDS)).as("it ends").isTrue();
            // What it finds in units of this machine is not ours.
            assertThat(Files.readAllLines(output)).noneMatch(line -> line.contains(name));
            assertThat(tool.exitValue()).as(Files.readString(output)).isZero();
        }
    }

    @Test
    void shouldHoldTheLibrariesOfBothArchitectures() throws IOException {
        for (String machine : List.of("x86_64", "aarch64")) {
            try (Stream<Path> files = Files.list(HOME.resolve("native").resolve(machine))) {
                assertThat(files.map(file -> file.getFileName().toString()))
                        .as(machine)
                        .anyMatch(name -> name.startsWith("libnetty_transport_native_epoll"))
                        .anyMatch(name -> name.startsWith("libjffi"));
            }
        }
    }

    @Test
    void shouldStartFromTheArchiveOfClassesThatTheBuildHasMade() throws IOException, InterruptedException {
        assertThat(HOME.resolve("lib/ashlar-" + System.getProperty("java.specification.version") + ".jsa"))
                .isRegularFile();
        Result version = run("-Xshare:on", "--version"); // refuses to start when the archive does not fit
        assertThat(version.exitCode()).as(version.text()).isZero();
        assertThat(version.lines()).hasSize(1);
    }
}
