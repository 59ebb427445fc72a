package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole bridge on a real kernel that has VDUSE, in the lab's virtual machine; {@code vm/bridge.sh} is what happens there. */
@Tag("kernel")
class BridgeInKernelTest {
    private static final int CHECKS = 67;

    @TempDir
    Path folder;

    @Test
    void shouldHoldEverythingItPromisesOnARealKernel() throws IOException, InterruptedException {
        Path root = Path.of("..").toRealPath();
        Path out = folder.resolve("output.txt");
        Process machine = new ProcessBuilder(
                        root.resolve("lab/vm/run").toString(),
                        "--timeout",
                        "1500",
                        "--",
                        "bash",
                        Path.of("src/test/resources/vm/bridge.sh").toRealPath().toString(),
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Path.of(System.getProperty("java.home"), "bin/java").toString())
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        assertThat(machine.waitFor(30, TimeUnit.MINUTES)).isTrue();
        List<String> lines = Files.readAllLines(out, StandardCharsets.UTF_8);
        assertThat(lines).noneMatch(line -> line.startsWith("FAIL "));
        assertThat(lines).filteredOn(line -> line.startsWith("ok ")).hasSize(CHECKS);
        assertThat(machine.exitValue()).isZero();
    }
}
