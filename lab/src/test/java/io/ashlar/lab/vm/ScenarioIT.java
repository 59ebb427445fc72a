package io.ashlar.lab.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The whole of Ashlar on a real kernel: node, bridge, and a disk, as built by {@code mvn package}. Each test is a script of
 * {@code lab/scenarios}, in a virtual machine of its own unless it says otherwise, and says what it checked in its output.
 */
@Tag("kernel")
class ScenarioIT {
    @TempDir
    Path files;

    private void run(VirtualMachine machine, String scenario, String... arguments)
            throws IOException, InterruptedException {
        String[] command = new String[arguments.length + 1];
        command[0] = "lab/scenarios/" + scenario;
        System.arraycopy(arguments, 0, command, 1, arguments.length);
        VmResult result = machine.stage(distribution()).run(command);
        assertThat(result.output()).as("scenario %s", scenario).contains("Summary:");
        assertThat(result.exitCode()).as("exit code of scenario %s", scenario).isZero();
        assertThat(result.file("dmesg.txt")).doesNotContain("blocked for more than");
    }

    private VirtualMachine machine() {
        return VirtualMachine.leavingFilesIn(files).timeout(Duration.ofMinutes(15));
    }

    /** Returns the folder in which packaging has laid the program out. */
    private static Path distribution() throws IOException {
        try (var folders = Files.list(Path.of("..", "cli", "target").toRealPath())) {
            return folders.filter(folder -> Files.isExecutable(folder.resolve("ashlar/bin/ashlar")))
                    .findFirst()
                    .orElseThrow(
                            () -> new IllegalStateException("no distribution in cli/target; run mvn package first"));
        }
    }

    @Test
    void shouldKeepATreeOfFilesWhenTheNodeIsKilledAndStartedAgain() throws Exception {
        run(machine(), "demo");
    }

    @Test
    void shouldKeepFileSystemsAndVerifiedDataOnAVolume() throws Exception {
        run(machine(), "filesystems");
    }

    @Test
    void shouldKeepAFileSystemOnTheKernelsNbdClient() throws Exception {
        run(machine(), "nbd");
    }

    @Test
    void shouldWaitAndGoOnWhenTheNodeIsKilledFiveTimes() throws Exception {
        run(machine(), "crashes", "5");
    }

    @Test
    void shouldGoOnWhereItWasWhenTheBridgeIsKilledFiveTimesAndHandedOverThreeTimes() throws Exception {
        run(machine().timeout(Duration.ofMinutes(25)), "bridge-kills", "5", "3");
    }

    @Test
    void shouldServeEachVirtqueueOnTheCpuOfItsAffinity() throws Exception {
        run(machine(), "affinity");
    }

    /** Runs here, as it boots machines of its own. */
    @Test
    void shouldBeTheDiskOfAVirtualMachineWhoseBridgeAndEmulatorAreKilled() throws Exception {
        Path root = Path.of("..").toRealPath();
        Path output = files.resolve("output.txt");
        assertThat(distribution()).isDirectory();
        ProcessBuilder command = new ProcessBuilder(
                        root.resolve("lab/scenarios/vhost-user").toString())
                .directory(root.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        command.environment().put("ASHLAR_OUT", files.resolve("out").toString());
        Process process = command.start();
        try {
            boolean ended = process.waitFor(20, TimeUnit.MINUTES);
            assertThat(Files.readString(output)).contains("Summary:");
            assertThat(ended).isTrue();
            assertThat(process.exitValue()).isZero();
        } finally {
            process.destroy();
        }
    }

    @Test
    @Tag("slow")
    void shouldEndWithoutAHungTaskWhenFarMoreIsDirtyThanThereIsMemory() throws Exception {
        run(machine().memoryMib(1536).scratch("10G"), "pressure", "4096");
    }

    @Test
    void shouldReadWhatWasFlushedOrWrittenAfterItWhenPowerIsLost() throws Exception {
        run(machine().disk("1G").disk("4G"), "powerloss", "12", "500", "7", "none");
    }

    @Test
    @Tag("slow")
    void shouldReadWhatWasFlushedOrWrittenAfterItWhenPowerIsLostAnywhere() throws Exception {
        run(machine().disk("1G").disk("4G").timeout(Duration.ofMinutes(45)), "powerloss");
    }
}
