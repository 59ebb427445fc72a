package io.ashlar.lab.soak;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ashlar lab soak} as built by {@code mvn package}, a short one: real processes, killed with -9 and handed over. */
class SoakIT {
    @TempDir
    Path folder;

    private int soak(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "--add-opens",
                "java.base/java.nio=ALL-UNNAMED",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Soak.class.getName(),
                "--launcher",
                launcher().toString(),
                "-o",
                "json"));
        command.addAll(List.of(options));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectOutput(folder.resolve("out").toFile())
                .redirectError(folder.resolve("err").toFile());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        Process process = builder.start();
        try {
            assertThat(process.waitFor(10, TimeUnit.MINUTES)).as("it ends").isTrue();
            return process.exitValue();
        } finally {
            process.destroyForcibly();
        }
    }

    private static Path launcher() throws IOException {
        try (var folders = Files.list(Path.of("..", "cli", "target").toRealPath())) {
            return folders.map(each -> each.resolve("ashlar/bin/ashlar"))
                    .filter(Files::isExecutable)
                    .findFirst()
                    .orElseThrow(
                            () -> new IllegalStateException("no distribution in cli/target; run mvn package first"));
        }
    }

    @Test
    void shouldSeeNoErrorAndNoMismatchWhenBridgeAndNodeAreKilledAndTheBridgeIsHandedOver() throws Exception {
        int code = soak("--kills", "5", "--handovers", "3", "--torn-handovers", "2", "--server-kills", "2");
        String said = Files.readString(folder.resolve("out")) + Files.readString(folder.resolve("err"));
        assertThat(code).as(said).isZero();
        assertThat(said)
                .contains(
                        "\"kills\":5",
                        "\"handovers\":3",
                        "\"tornHandovers\":2",
                        "\"serverKills\":2",
                        "\"problems\":[]");
    }

    @Test
    void shouldRefuseWhatMakesNoSense() throws Exception {
        assertThat(soak("--depth", "65")).isEqualTo(2);
        assertThat(Files.readString(folder.resolve("err"))).contains("--depth is not 1 to 64");
        assertThat(soak("--nothing")).isEqualTo(2);
    }
}
