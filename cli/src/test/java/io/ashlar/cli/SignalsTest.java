package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SignalsTest {
    @ParameterizedTest
    @CsvSource({"TERM,TERM", "INT,TERM", "TERM,INT"})
    void shouldIgnoreHangupsStopOnTheFirstSignalAndEndOnTheSecond(String first, String second) throws Exception {
        // The tests may run in the background of a shell, where SIGINT is ignored, by all processes that come from
        // there.
        Process daemon = new ProcessBuilder(
                        "env",
                        "--default-signal=INT",
                        Path.of(System.getProperty("java.home"), "bin/java").toString(),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        SignalsMain.class.getName())
                .redirectErrorStream(true)
                .start();
        try (BufferedReader out = daemon.inputReader(StandardCharsets.UTF_8)) {
            assertThat(out.readLine()).isEqualTo("up");
            send("HUP", daemon);
            send(first, daemon);
            assertThat(out.readLine()).isEqualTo("stopping");
            send("HUP", daemon);
            assertThat(daemon.isAlive()).isTrue();
            send(second, daemon);
            assertThat(out.readLine()).isNull();
            assertThat(daemon.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(daemon.exitValue()).isEqualTo(143);
        } finally {
            daemon.destroyForcibly();
        }
    }

    private static void send(String signal, Process daemon) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder("kill", "-" + signal, Long.toString(daemon.pid())).start();
        assertThat(kill.waitFor()).isZero();
    }
}
