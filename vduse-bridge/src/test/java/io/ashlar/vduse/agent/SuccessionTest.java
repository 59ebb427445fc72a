package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.inflight.InflightException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The new bridge's side of a handover, against a running one that does what the test wants. */
@Timeout(120)
class SuccessionTest {
    private static final long LONG_MS = TimeUnit.SECONDS.toMillis(60);
    private static final long SHORT_MS = 50;
    /** For what a bridge that runs does in no time, and this one waits for in vain thereafter. */
    private static final long WAIT_MS = TimeUnit.SECONDS.toMillis(2);

    private static final String ANSWER = "{\"staying\":[\"v (/dev/vda)\"]}";
    private static final String NOTHING_ATTACHED = "{\"attachments\":[]}";

    @TempDir
    Path folder;

    private StateFolder running;
    private ServerSocketChannel server;
    /** The part of the bridge that runs. */
    private CompletableFuture<Void> other = CompletableFuture.completedFuture(null);

    private EpollLoops data;
    private BridgeParts parts;
    private final AtomicBoolean told = new AtomicBoolean();
    private Check check = (name, id) -> {};

    /** What the running bridge does with a connection. */
    private interface Script {
        void play(JsonLines lines) throws IOException;
    }

    /** What the new bridge does to make sure of a volume. */
    private interface Check {
        void check(String name, UUID id) throws IOException;
    }

    private final class Opener implements VolumeOpener {
        @Override
        public OpenedVolume open(String name, boolean readOnly, boolean steal) throws IOException {
            throw new IOException("nothing is to be opened");
        }

        @Override
        public void check(String name, UUID id) throws IOException {
            check.check(name, id);
        }
    }

    @BeforeEach
    void start() throws IOException {
        BridgeConfig config = BridgeConfig.defaults().withControlSocket(folder.resolve("run/bridge.sock"));
        running = StateFolder.open(config.controlSocket());
        data = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
        parts = BridgeParts.open(config, StateFolder.unlocked(config.controlSocket()), data, new Opener());
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    }

    @AfterEach
    void end() throws IOException {
        server.close();
        running.close();
        parts.close();
        data.close();
    }

    private void serve(Script script) throws IOException {
        serve(NOTHING_ATTACHED, script);
    }

    /** Tells what is attached, and goes on as the script says. */
    private void serve(String attached, Script script) throws IOException {
        serveAll(lines -> {
            assertThat(command(lines)).isEqualTo("list");
            say(lines, attached);
            script.play(lines);
        });
    }

    private void serveAll(Script script) throws IOException {
        server.bind(UnixDomainSocketAddress.of(parts.config().controlSocket()));
        other = CompletableFuture.runAsync(
                () -> {
                    try (JsonLines lines = new JsonLines(server.accept(), JsonLines.REQUEST_BYTES_MAX)) {
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

    private ThrowingCallable takingThePlace(long knockMs, long checkMs, long answerMs, long lockMs) {
        var limits = new Succession.Limits(
                TimeUnit.MILLISECONDS.toNanos(knockMs),
                TimeUnit.MILLISECONDS.toNanos(checkMs),
                TimeUnit.MILLISECONDS.toNanos(answerMs),
                TimeUnit.MILLISECONDS.toNanos(lockMs));
        return () -> new Succession(parts, told::get, limits).takeThePlace();
    }

    private void takeThePlacePatiently() throws IOException {
        new Succession(parts, told::get).takeThePlace();
    }

    private static void handOver(JsonLines lines) throws IOException {
        assertThat(command(lines)).isEqualTo("handover");
        say(lines, ANSWER);
        assertThat(command(lines)).isEqualTo("taken");
    }

    private static AttachmentRecord record(String volume, String socket) {
        UUID id = UUID.nameUUIDFromBytes(volume.getBytes(StandardCharsets.UTF_8));
        return new AttachmentRecord(
                AttachmentRecord.VERSION, volume, id.toString(), "ashlar-" + id, false, 1, 256, 0, 0, 1, socket);
    }

    private void assertTaken() throws Exception {
        other.get(60, TimeUnit.SECONDS);
        assertThat(parts.state().tryLock()).as("it is taken").isFalse();
    }

    private void assertNotLocked() throws Exception {
        other.get(60, TimeUnit.SECONDS);
        running.close();
        assertThat(parts.state().tryLock()).as("the lock was not ours").isTrue();
    }

    @Test
    void shouldTakeTheLockWhenTheOtherLetsGoOfIt() throws Exception {
        serve(lines -> {
            handOver(lines);
            running.close();
        });
        takeThePlacePatiently();
        assertTaken();
    }

    @Test
    void shouldSayWhyNotWhenTheOtherIsTooOldToKnowTheCommand() throws Exception {
        serve(lines -> {
            String command = command(lines);
            say(lines, "{\"error\":\"the bridge does not know the command '" + command + "'\"}");
            assertThat(command(lines)).as("nothing is taken").isEqualTo("closed");
        });
        assertThatThrownBy(this::takeThePlacePatiently)
                .hasMessage(
                        "no handover, the bridge that runs goes on: the bridge does not know the command 'handover'");
        assertNotLocked();
    }

    @Test
    void shouldGoOnAsAfterACrashWhenTheOtherDiesMidway() throws Exception {
        serve(lines -> {
            command(lines);
            running.close();
        });
        takeThePlacePatiently();
        assertTaken();
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
        takeThePlacePatiently();
        end.get(60, TimeUnit.SECONDS);
        assertTaken();
    }

    @Test
    void shouldGiveUpWhenTheOtherClosesTheConnectionAndLives() throws Exception {
        serve(lines -> command(lines));
        assertThatThrownBy(takingThePlace(WAIT_MS, LONG_MS, LONG_MS, LONG_MS))
                .hasMessageContaining("has not answered, and goes on");
        assertNotLocked();
    }

    @Test
    void shouldGiveUpWhenTheOtherDoesNotAnswer() throws Exception {
        serve(lines -> {
            command(lines);
            assertThat(command(lines)).isEqualTo("closed");
        });
        assertThatThrownBy(takingThePlace(WAIT_MS, LONG_MS, SHORT_MS, LONG_MS))
                .hasMessageContaining("has not answered, and goes on");
        assertNotLocked();
    }

    @Test
    void shouldSayWhatToDoWhenTheOtherLetsGoOfEverythingButTheLock() throws Exception {
        serve(lines -> {
            handOver(lines);
            // It closes the connection, and hangs.
        });
        assertThatThrownBy(takingThePlace(LONG_MS, LONG_MS, LONG_MS, SHORT_MS))
                .hasMessageContaining("does not end")
                .hasMessageContaining("kill -9");
        assertNotLocked();
    }

    @Test
    void shouldGiveUpWhenTheAnswerMakesNoSense() throws Exception {
        serve(lines -> {
            command(lines);
            say(lines, "what?");
            assertThat(command(lines)).as("nothing is taken").isEqualTo("closed");
        });
        assertThatThrownBy(this::takeThePlacePatiently).hasMessageContaining("the bridge that runs goes on");
        assertNotLocked();
    }

    @Test
    void shouldGiveUpWhenNobodyAnswersAtTheSocketOfABridgeThatRuns() throws Exception {
        assertThatThrownBy(takingThePlace(SHORT_MS, LONG_MS, LONG_MS, LONG_MS))
                .hasMessageContaining("a bridge runs, but does not answer");
        assertNotLocked();
    }

    @Test
    void shouldGiveUpWhenTheOtherDoesNotEvenSayWhatItServes() throws Exception {
        serveAll(lines -> {
            assertThat(command(lines)).isEqualTo("list");
            assertThat(command(lines)).isEqualTo("closed");
        });
        assertThatThrownBy(takingThePlace(SHORT_MS, LONG_MS, LONG_MS, LONG_MS))
                .hasMessageContaining("a bridge runs, but does not answer");
        assertNotLocked();
    }

    @Test
    void shouldSayThatTheOtherGoesOnWhenThatHasStoppedWaitingForThisOne() throws Exception {
        serve(lines -> {
            handOver(lines);
            say(lines, "{\"error\":\"the bridge does not know the command 'taken'\"}");
            assertThat(command(lines)).isEqualTo("closed");
        });
        assertThatThrownBy(this::takeThePlacePatiently)
                .hasMessage("no handover, the bridge that runs goes on:"
                        + " this process took too long to say that it has taken the devices");
        assertNotLocked();
    }

    private void assertStops(String why) throws Exception {
        assertThatThrownBy(this::takeThePlacePatiently).hasMessageContaining(why);
        assertNotLocked();
    }

    @Test
    void shouldEndWhenItIsToldToWhileItMakesSureOfAVolume() throws Exception {
        running.save(record("v", "/run/v.sock"));
        CountDownLatch never = new CountDownLatch(1);
        CompletableFuture<Void> interrupted = new CompletableFuture<>();
        check = (name, id) -> {
            told.set(true);
            try {
                never.await();
            } catch (InterruptedException e) {
                interrupted.complete(null);
            }
        };
        serve(lines -> assertThat(command(lines)).isEqualTo("closed"));
        assertStops("no handover, the bridge that runs goes on: told to stop");
        interrupted.get(60, TimeUnit.SECONDS);
    }

    @Test
    void shouldGiveUpWhenItCanNotMakeSureOfAllVolumesInTime() throws Exception {
        running.save(record("v", "/run/v.sock"));
        CountDownLatch ended = new CountDownLatch(1);
        check = (name, id) -> {
            boolean heard = false;
            while (!heard) { // whatever waits there may not hear that it is interrupted
                try {
                    ended.await();
                    heard = true;
                } catch (InterruptedException e) {
                    heard = false;
                }
            }
        };
        serve(lines -> assertThat(command(lines)).as("nothing is asked for").isEqualTo("closed"));
        assertThatThrownBy(takingThePlace(LONG_MS, WAIT_MS, LONG_MS, LONG_MS))
                .hasMessage("no handover, the bridge that runs goes on: it took too long to make sure of what is"
                        + " attached here; the last was v, whose node may be away");
        ended.countDown();
        assertNotLocked();
    }

    @Test
    void shouldEndWhenItIsToldToWhileItWaitsForTheDevices() throws Exception {
        serve(lines -> {
            assertThat(command(lines)).isEqualTo("handover");
            told.set(true);
            assertThat(command(lines)).as("nothing is taken").isEqualTo("closed");
        });
        assertStops("no handover, the bridge that runs goes on: told to stop");
    }

    @Test
    void shouldSayWhatBecomesOfTheDevicesWhenItIsToldToEndAfterItHasTakenThem() throws Exception {
        serve(lines -> {
            handOver(lines);
            told.set(true);
            assertThat(command(lines)).isEqualTo("closed");
        });
        assertStops("told to stop; the devices had been taken over already, and wait for the next bridge");
    }

    @Test
    void shouldEndWhenItIsToldToWhileNobodyAnswers() throws Exception {
        told.set(true);
        assertStops("told to stop");
    }

    @Test
    void shouldNotAskForWhatIsLeftOfADeviceThatIsGone() throws Exception {
        running.save(record("gone", null));
        check = (name, id) -> {
            throw new IOException("there is no volume " + name);
        };
        serve(lines -> {
            handOver(lines);
            running.close();
        });
        takeThePlacePatiently();
        assertTaken();
    }

    @Test
    void shouldForgetADeviceThatIsGoneWhenABridgeStarts() throws Exception {
        running.save(record("gone", null));
        running.saveBoot(record("gone", null).vduse(), "boot");
        AttachmentRecord served = record("served", "/run/v.sock");
        running.save(served);
        assertThat(new Leftovers(parts).find())
                .singleElement()
                .extracting(AttachedVolume::name)
                .isEqualTo("served");
        assertThat(running.recorded()).containsExactly(served.vduse());
        assertThat(running.loadBoot(record("gone", null).vduse())).isEmpty();
    }

    @Test
    void shouldTakeOverWithAnAttachmentThatTheOtherDoesNotServeEither() throws Exception {
        running.save(record("v", "/run/v.sock"));
        check = (name, id) -> {
            throw new InflightException("the log of its requests in flight is missing");
        };
        serve("{\"attachments\":[{\"name\":\"v\",\"state\":\"orphan\"}]}", lines -> {
            handOver(lines);
            running.close();
        });
        takeThePlacePatiently();
        assertTaken();
    }

    @Test
    void shouldGiveUpWhenTheOtherServesADeviceWithoutARecord() throws Exception {
        serve("{\"attachments\":[{\"name\":\"v\",\"state\":\"attached\"}]}", lines -> {
            assertThat(command(lines)).isEqualTo("closed");
        });
        assertThatThrownBy(this::takeThePlacePatiently)
                .hasMessage("no handover, the bridge that runs goes on: no record says what v is attached as;"
                        + " detach it, and attach it again");
        assertNotLocked();
    }

    @Test
    void shouldGiveUpWhenTheOtherWaitsForTheNodeOfADeviceWithoutARecord() throws Exception {
        serve("{\"attachments\":[{\"name\":\"v\",\"state\":\"resuming\"}]}", lines -> {
            assertThat(command(lines)).isEqualTo("closed");
        });
        assertThatThrownBy(this::takeThePlacePatiently).hasMessageContaining("no record says what v is attached as");
        assertNotLocked();
    }

    private void writeAnUnreadableRecord() throws IOException {
        Path file = folder.resolve("run/bridge.sock.d/ashlar-" + new UUID(3, 4) + ".json");
        Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(file, "half a rec");
    }

    @Test
    void shouldTakeOverWithARecordThatNobodyCanReadAndThatIsOfNothingServed() throws Exception {
        writeAnUnreadableRecord();
        running.save(record("w", "/run/w.sock"));
        String attached = "{\"attachments\":[{\"name\":\"w\",\"state\":\"attached\"},"
                + "{\"name\":\"ashlar-v\",\"state\":\"orphan\"}]}";
        serve(attached, lines -> {
            handOver(lines);
            running.close();
        });
        takeThePlacePatiently();
        assertTaken();
    }

    @Test
    void shouldGiveUpWhenTheRecordThatNobodyCanReadMayBeOfADeviceThatIsServed() throws Exception {
        writeAnUnreadableRecord();
        serve("{\"attachments\":[{\"name\":\"v\",\"state\":\"attached\"}]}", lines -> {
            assertThat(command(lines)).isEqualTo("closed");
        });
        assertThatThrownBy(this::takeThePlacePatiently)
                .hasMessageContaining("no record says what v is attached as")
                .hasMessageContaining(".json");
        assertNotLocked();
    }

    @Test
    void shouldTakeOverWhateverNumberOfAttachmentsTheOtherTellsOf() throws Exception {
        String orphan = "{\"name\":\"" + "v".repeat(200) + "\",\"state\":\"orphan\"}";
        serve("{\"attachments\":[" + (orphan + ",").repeat(2000) + orphan + "]}", lines -> {
            handOver(lines);
            running.close();
        });
        takeThePlacePatiently();
        assertTaken();
    }

    @Test
    void shouldNameTheDeviceThatTheOtherServesAndThisOneCouldNot() throws Exception {
        AttachmentRecord record = record("v", "/run/v.sock");
        running.save(record);
        check = (name, id) -> {
            throw new InflightException("the log of its requests in flight is missing");
        };
        serve("{\"attachments\":[{\"name\":\"v\",\"state\":\"attached\"}]}", lines -> {
            assertThat(command(lines)).isEqualTo("closed");
        });
        assertThatThrownBy(this::takeThePlacePatiently)
                .hasMessage("no handover, the bridge that runs goes on: v (" + record.vduse()
                        + ") could not be served any more: the log of its requests in flight is missing");
        assertNotLocked();
    }
}
