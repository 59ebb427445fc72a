package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoops;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The new bridge's side of a handover, against a running one that does what the test wants. */
@Timeout(120)
class SuccessionTest {
    private static final Succession.Limits SHORT = new Succession.Limits(
            TimeUnit.MILLISECONDS.toNanos(50), TimeUnit.MILLISECONDS.toNanos(200), TimeUnit.MILLISECONDS.toNanos(50));
    private static final String ANSWER = "{\"staying\":[\"v (/dev/vda)\"]}";

    @TempDir
    Path folder;

    private StateFolder running;
    private ServerSocketChannel server;
    private EpollLoops data;
    private BridgeParts parts;

    /** What the running bridge does with a connection. */
    private interface Script {
        void play(JsonLines lines) throws IOException;
    }

    @BeforeEach
    void start() throws IOException {
        BridgeConfig config = BridgeConfig.defaults().withControlSocket(folder.resolve("run/bridge.sock"));
        running = StateFolder.open(config.controlSocket());
        data = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
        parts = BridgeParts.open(
                config, StateFolder.unlocked(config.controlSocket()), data, (name, readOnly, steal) -> {
                    throw new IOException("nothing is to be opened");
                });
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    }

    @AfterEach
    void end() throws IOException {
        server.close();
        running.close();
        parts.close();
        data.close();
    }

    private CompletableFuture<Void> serve(Script script) throws IOException {
        server.bind(UnixDomainSocketAddress.of(parts.config().controlSocket()));
        return CompletableFuture.runAsync(
                () -> {
                    try (JsonLines lines = new JsonLines(server.accept())) {
                        script.play(lines);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                task -> new Thread(task, "background").start());
    }

    private static void say(JsonLines lines, String line) throws IOException {
        lines.write(line.getBytes(StandardCharsets.UTF_8));
    }

    private static String command(JsonLines lines) throws IOException {
        byte[] line = lines.read();
        return line == null ? "closed" : ControlJson.toRequest(line).command();
    }

    private void takeThePlace() throws IOException {
        new Succession(parts, SHORT).takeThePlace();
    }

    private void assertNotLocked() throws IOException {
        running.close();
        assertThat(parts.state().tryLock()).as("the lock was not ours").isTrue();
    }

    @Test
    void shouldTakeTheLockWhenTheOtherLetsGoOfIt() throws Exception {
        CompletableFuture<Void> other = serve(lines -> {
            assertThat(command(lines)).isEqualTo("handover");
            say(lines, ANSWER);
            assertThat(command(lines)).isEqualTo("taken");
            running.close();
        });
        new Succession(parts).takeThePlace();
        other.get(60, TimeUnit.SECONDS);
        assertThat(parts.state().tryLock()).as("it is taken").isFalse();
    }

    @Test
    void shouldSayWhyNotWhenTheOtherIsTooOldToKnowTheCommand() throws Exception {
        CompletableFuture<Void> other = serve(lines -> {
            String command = command(lines);
            say(lines, "{\"error\":\"the bridge does not know the command '" + command + "'\"}");
            assertThat(command(lines)).as("nothing is taken").isEqualTo("closed");
        });
        assertThatThrownBy(() -> new Succession(parts).takeThePlace())
                .hasMessage(
                        "no handover, the bridge that runs goes on: the bridge does not know the command 'handover'");
        other.get(60, TimeUnit.SECONDS);
        assertNotLocked();
    }

    @Test
    void shouldGoOnAsAfterACrashWhenTheOtherDiesMidway() throws Exception {
        CompletableFuture<Void> other = serve(lines -> {
            command(lines);
            running.close();
        });
        new Succession(parts).takeThePlace();
        other.get(60, TimeUnit.SECONDS);
        assertThat(parts.state().tryLock()).as("it is taken").isFalse();
    }

    @Test
    void shouldGoOnAsAfterACrashWhenTheOtherEndsBeforeItAnswersAtAll() throws Exception {
        CompletableFuture<Void> end = CompletableFuture.runAsync(
                () -> {
                    try {
                        running.close();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                task -> new Thread(task, "background").start());
        new Succession(parts).takeThePlace();
        end.get(60, TimeUnit.SECONDS);
        assertThat(parts.state().tryLock()).as("it is taken").isFalse();
    }

    @Test
    void shouldGiveUpWhenTheOtherClosesTheConnectionAndLives() throws Exception {
        CompletableFuture<Void> other = serve(lines -> command(lines));
        assertThatThrownBy(this::takeThePlace).hasMessageContaining("has not answered, and goes on");
        other.get(60, TimeUnit.SECONDS);
        assertNotLocked();
    }

    @Test
    void shouldGiveUpWhenTheOtherDoesNotAnswer() throws Exception {
        CompletableFuture<Void> other = serve(lines -> {
            command(lines);
            assertThat(command(lines)).isEqualTo("closed");
        });
        assertThatThrownBy(this::takeThePlace).hasMessageContaining("has not answered, and goes on");
        other.get(60, TimeUnit.SECONDS);
        assertNotLocked();
    }

    @Test
    void shouldSayWhatToDoWhenTheOtherLetsGoOfEverythingButTheLock() throws Exception {
        CompletableFuture<Void> other = serve(lines -> {
            command(lines);
            say(lines, ANSWER);
            command(lines);
        });
        assertThatThrownBy(this::takeThePlace)
                .hasMessageContaining("does not end")
                .hasMessageContaining("kill -9");
        other.get(60, TimeUnit.SECONDS);
        assertNotLocked();
    }

    @Test
    void shouldGiveUpWhenTheAnswerMakesNoSense() throws Exception {
        CompletableFuture<Void> other = serve(lines -> {
            command(lines);
            say(lines, "what?");
            assertThat(command(lines)).as("nothing is taken").isEqualTo("closed");
        });
        assertThatThrownBy(this::takeThePlace).hasMessageContaining("the bridge that runs goes on");
        other.get(60, TimeUnit.SECONDS);
        assertNotLocked();
    }

    @Test
    void shouldGiveUpWhenNobodyAnswersAtTheSocketOfABridgeThatRuns() throws Exception {
        assertThatThrownBy(this::takeThePlace).hasMessageContaining("a bridge runs, but does not answer");
        assertNotLocked();
    }
}
