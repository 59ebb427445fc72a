package io.ashlar.nbd.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Programs that nobody here wrote. bin/prepare installs them; without them a test is left out, but never in CI. */
final class Tool {
    private static final long PATIENCE_S = 60;

    private Tool() {}

    static boolean isInstalled(String name) {
        return Stream.of(System.getenv("PATH").split(":", -1))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, name)));
    }

    /** Leaves the test out where a program is missing; in CI that is a failure. */
    static void need(String... names) {
        for (String name : names) {
            if (!isInstalled(name)) {
                assertThat(System.getenv("CI"))
                        .as(name + " is not installed: run bin/prepare --build")
                        .isNotEqualTo("true");
                Assumptions.abort(name + " is not installed: bin/prepare --build installs it");
            }
        }
    }

    /** What a program said. */
    record Result(int exitCode, String output) {}

    /** Runs a program to its end; its output and error output come together. */
    static Result run(List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile("tool", ".txt");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            if (!process.waitFor(PATIENCE_S, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
                throw new AssertionError(command + " did not end:\n" + Files.readString(output));
            }
            return new Result(process.exitValue(), Files.readString(output, StandardCharsets.ISO_8859_1));
        } finally {
            Files.delete(output);
        }
    }

    /** Runs a program that must succeed, and returns what it said. */
    static String succeed(String... command) throws IOException, InterruptedException {
        Result result = run(List.of(command));
        assertThat(result.exitCode())
                .as(String.join(" ", command) + "\n" + result.output())
                .isZero();
        return result.output();
    }
}
