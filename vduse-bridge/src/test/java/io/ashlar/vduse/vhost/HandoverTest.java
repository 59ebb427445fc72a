package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.agent.Attachment;
import io.ashlar.vduse.agent.BridgeClient;
import io.ashlar.vduse.agent.BridgeConfig;
import io.ashlar.vduse.agent.BridgeDaemon;
import io.ashlar.vduse.agent.BridgeMain;
import io.ashlar.vduse.agent.ControlServer;
import io.ashlar.vduse.agent.VolumeOpener;
import io.ashlar.vduse.device.HeldDevice;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/**
 * One bridge takes the place of another under a front end, and each of the two dies, or goes away, at every step of their
 * conversation. The bridges are real, with real sockets; some are processes of their own.
 */
@Timeout(300)
class HandoverTest {
    private static final int MIB = 1 << 20;
    private static final int DATA = 1 << 16;
    private static final int QUEUES = 2;
    private static final String HANDOVER = "{\"command\":\"handover\",\"pid\":4711}";
    private static final String TAKEN = "{\"command\":\"taken\",\"pid\":4711}";

    @TempDir
    Path folder;

    private final HeldDevice volume = new HeldDevice(MIB);
    private final List<Bridge> bridges = new ArrayList<>();
    private Process process;
    private FrontEndModel front;
    private FrontEndModel.Log log;
    private FrontEndModel.Region memory;
    private int nextRequest;

    /** A bridge of this process, ended as the command ends it when another one has followed. */
    private final class Bridge {
        final EpollLoops loops;
        final BridgeDaemon daemon;
        final ControlServer commands;
        final CompletableFuture<String> ended = new CompletableFuture<>();

        Bridge(boolean inPlaceOfOther, VolumeOpener opener) throws IOException {
            BridgeConfig config = BridgeConfig.defaults().withControlSocket(control());
            loops = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
            try {
                daemon = inPlaceOfOther
                        ? BridgeDaemon.startInPlaceOfOther(config, loops, opener, () -> false)
                        : BridgeDaemon.start(config, loops, opener);
            } catch (IOException e) {
                loops.close();
                throw e;
            }
            commands = ControlServer.start(daemon, () -> new Thread(this::end).start());
            bridges.add(this);
        }

        synchronized void end() {
            if (ended.isDone()) {
                return;
            }
            try {
                commands.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            String last = daemon.stop();
            daemon.close();
            loops.close();
            ended.complete(last);
        }
    }

    @AfterEach
    void end() throws InterruptedException {
        volume.letGo();
        if (process != null) {
            process.destroyForcibly().waitFor();
        }
        bridges.forEach(Bridge::end);
        if (front != null) {
            front.close();
        }
    }

    private Path control() {
        return folder.resolve("run/bridge.sock");
    }

    private Path socket() {
        return folder.resolve("v.sock");
    }

    private VolumeOpener held() {
        return (name, readOnly, steal) -> new VolumeOpener.OpenedVolume(volume, new UUID(1, 2));
    }

    private void attach(String name) throws IOException {
        try (BridgeClient client = BridgeClient.connect(control())) {
            client.attachVhostUser(name, false, false, socket(), QUEUES);
        }
    }

    private String state() throws IOException {
        try (BridgeClient client = BridgeClient.connect(control())) {
            return client.attachments().stream()
                    .map(Attachment::state)
                    .findFirst()
                    .orElse("none");
        }
    }

    private void awaitState(String wanted) throws Exception {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!state().equals(wanted)) {
            FrontEndModel.pause(deadlineNs);
        }
    }

    private void connect() throws Exception {
        front = new FrontEndModel(socket());
        front.negotiate();
        memory = front.memory(0x10_0000, MIB);
        front.rings(memory, QUEUES, 0);
        log = front.newLog(QUEUES);
        front.start(log);
    }

    /** Connects as front ends do: again and again, until somebody listens. */
    private void reconnect() throws Exception {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (true) {
            try {
                front = front.again(socket());
                front.negotiate();
                break;
            } catch (IOException e) {
                FrontEndModel.pause(deadlineNs);
            }
        }
        front.start(log);
    }

    private int offer(int ring, int type, int block, int fill) {
        return front.offer(memory, DATA + 3 * 4096 * (nextRequest++ % 64), ring, type, block, fill);
    }

    private void write(int ring, int block, int fill) throws Exception {
        int at = offer(ring, FrontEndModel.OUT, block, fill);
        front.awaitUsed(ring);
        assertThat(memory.memory().get(at + 8192)).isZero();
    }

    private void read(int ring, int block, int expected) throws Exception {
        int at = offer(ring, FrontEndModel.IN, block, 0);
        front.awaitUsed(ring);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(memory.memory().get(at + 4096)).isEqualTo((byte) expected);
    }

    private void writeAndRead() throws Exception {
        for (int i = 0; i < 10; i++) {
            int fill = nextRequest;
            write(i % QUEUES, i, fill);
            read((i + 1) % QUEUES, i, fill);
        }
    }

    private static <T> CompletableFuture<T> inBackground(Callable<T> task) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return task.call();
                    } catch (Exception e) {
                        throw new IllegalStateException(e.getMessage(), e);
                    }
                },
                work -> new Thread(work, "background").start());
    }

    /** Somebody who speaks the control socket's language as far as the test wants it to. */
    private final class Asker implements AutoCloseable {
        private final SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(control()));

        Asker() throws IOException {}

        void say(String line) throws IOException {
            channel.write(ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8)));
        }

        String hear() throws IOException {
            var reader =
                    new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8));
            return reader.readLine();
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    @Test
    void shouldServeTheFrontEndAgainInTheNewBridge() throws Exception {
        Bridge first = new Bridge(false, held());
        attach("v");
        connect();
        writeAndRead();
        Bridge second = new Bridge(true, held());
        assertThat(first.ended.get(60, TimeUnit.SECONDS)).contains("goes on with its devices");
        int waiting = offer(1, FrontEndModel.OUT, 99, 'w');
        reconnect();
        front.awaitUsed(1);
        assertThat(memory.memory().get(waiting + 8192)).isZero();
        writeAndRead();
        awaitState("attached");
        assertThat(second.ended).isNotDone();
        Bridge third = new Bridge(true, held());
        reconnect();
        writeAndRead();
        assertThat(third.daemon.successor()).isZero();
        assertThat(first.daemon.successor()).isEqualTo(ProcessHandle.current().pid());
    }

    @Test
    void shouldServeAgainWhatWasInFlightWhenItDoesNotEndInTime() throws Exception {
        volume.endOnClose();
        Bridge first = new Bridge(false, held());
        attach("v");
        connect();
        volume.hold();
        int at = offer(0, FrontEndModel.OUT, 5, 'x');
        assertThat(volume.arrivals.poll(60, TimeUnit.SECONDS)).isNotNull();
        Bridge second = new Bridge(true, held());
        first.ended.get(60, TimeUnit.SECONDS);
        assertThat(memory.memory().get(at + 8192)).as("not answered").isEqualTo((byte) 0xEE);
        volume.letGo();
        reconnect();
        front.awaitUsed(0);
        assertThat(memory.memory().get(at + 8192)).isZero();
        assertThat(volume.bytes().getByte(5 * 4096)).isEqualTo((byte) 'x');
        assertThat(second.ended).isNotDone();
        writeAndRead();
    }

    /** As a node that hangs has it: requests end when the volume's connections do, and not before. */
    @Test
    void shouldNotWaitForRequestsThatEndWithTheUseOfTheVolume() throws Exception {
        VolumeOpener hanging = (name, readOnly, steal) -> new VolumeOpener.OpenedVolume(
                volume, new UUID(1, 2), 0, VolumeOpener.NodeBoot.NONE, volume::failHeld, () -> true);
        Bridge first = new Bridge(false, hanging);
        attach("v");
        connect();
        volume.hold();
        int at = offer(0, FrontEndModel.OUT, 5, 'x');
        assertThat(volume.arrivals.poll(60, TimeUnit.SECONDS)).isNotNull();
        ListAppender<ILoggingEvent> events = new ListAppender<>();
        events.start();
        Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.addAppender(events);
        try {
            new Bridge(true, held());
            first.ended.get(60, TimeUnit.SECONDS);
        } finally {
            root.detachAppender(events);
        }
        assertThat(memory.memory().get(at + 8192)).as("not answered").isEqualTo((byte) 0xEE);
        assertThat(List.copyOf(events.list))
                .noneMatch(event -> event.getFormattedMessage().startsWith("could not"));
        volume.letGo();
        reconnect();
        front.awaitUsed(0);
        assertThat(memory.memory().get(at + 8192)).isZero();
        writeAndRead();
    }

    @Test
    void shouldEndInOrderWhenItIsToldToWhileItLetsGo() throws Exception {
        CompletableFuture<Void> lettingGo = new CompletableFuture<>();
        CompletableFuture<Void> enough = new CompletableFuture<>();
        Bridge bridge = new Bridge(false, (name, readOnly, steal) -> {
            Runnable letGo = () -> {
                lettingGo.complete(null);
                enough.join();
            };
            return new VolumeOpener.OpenedVolume(
                    volume, new UUID(1, 2), 0, VolumeOpener.NodeBoot.NONE, letGo, () -> true);
        });
        attach("v");
        connect();
        try (Asker asker = new Asker()) {
            asker.say(HANDOVER);
            lettingGo.get(60, TimeUnit.SECONDS);
            Thread ending = new Thread(bridge::end);
            ending.start();
            long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            while (!bridge.ended.isDone() && ending.getState() != Thread.State.BLOCKED) {
                FrontEndModel.pause(deadlineNs);
            }
            assertThat(bridge.ended).as("it lets go first").isNotDone();
            enough.complete(null);
            assertThat(asker.hear()).contains("v (" + socket() + ")");
        }
        assertThat(bridge.ended.get(60, TimeUnit.SECONDS)).contains("devices stay");
        Bridge next = new Bridge(true, held());
        reconnect();
        writeAndRead();
        assertThat(next.ended).isNotDone();
    }

    @Test
    void shouldGoOnWhenTheNewOneGoesAwayAtAnyStepBeforeItHasTakenTheDevices() throws Exception {
        Bridge bridge = new Bridge(false, held());
        attach("v");
        connect();
        writeAndRead();
        new Asker().close();
        writeAndRead(); // on the same connection: nothing has happened
        try (Asker asker = new Asker()) {
            asker.say(HANDOVER);
        }
        front.awaitEnd();
        reconnect();
        writeAndRead();
        awaitState("attached");
        try (Asker asker = new Asker()) {
            asker.say(HANDOVER);
            assertThat(asker.hear())
                    .contains("\"staying\":[\"v (" + socket() + ")\"]")
                    .doesNotContain("error");
        }
        reconnect();
        writeAndRead();
        awaitState("attached");
        try (Asker asker = new Asker()) {
            asker.say(HANDOVER);
            asker.hear();
            asker.say("{\"command\":\"list\"}"); // neither here nor there
            asker.say(TAKEN);
            assertThat(asker.hear()).contains("too late").contains("goes on");
        }
        reconnect();
        writeAndRead();
        assertThat(bridge.ended).isNotDone();
    }

    @Test
    void shouldLeaveTheDevicesToTheNextBridgeWhenTheNewOneDiesAfterItHasTakenThem() throws Exception {
        Bridge bridge = new Bridge(false, held());
        attach("v");
        connect();
        writeAndRead();
        try (Asker asker = new Asker()) {
            asker.say(HANDOVER);
            asker.hear();
            asker.say(TAKEN);
        }
        assertThat(bridge.ended.get(60, TimeUnit.SECONDS)).contains("4711");
        assertThat(control()).doesNotExist();
        int waiting = offer(0, FrontEndModel.OUT, 7, 'z');
        Bridge next = new Bridge(false, held());
        reconnect();
        front.awaitUsed(0);
        assertThat(memory.memory().get(waiting + 8192)).isZero();
        writeAndRead();
        assertThat(next.ended).isNotDone();
    }

    @Test
    void shouldTakeNoOtherCommandWhileItHandsOver() throws Exception {
        Bridge bridge = new Bridge(false, held());
        attach("v");
        try (Asker asker = new Asker();
                BridgeClient client = BridgeClient.connect(control())) {
            asker.say(HANDOVER);
            asker.hear();
            assertThat(state()).isEqualTo("leaving");
            assertThatThrownBy(() -> client.attach("w", false, false)).hasMessageContaining("hands over");
            assertThatThrownBy(() -> client.detach("v", false)).hasMessageContaining("hands over");
            assertThatThrownBy(() -> client.detach("v", true)).hasMessageContaining("hands over");
            assertThat(client.drain()).singleElement().asString().contains("hands over");
            try (Asker another = new Asker()) {
                another.say(HANDOVER);
                assertThat(another.hear()).contains("hands over to another already");
            }
        }
        awaitState("attached");
        try (BridgeClient client = BridgeClient.connect(control())) {
            client.detach("v", false);
            assertThat(client.attachments()).isEmpty();
        }
        assertThat(bridge.ended).isNotDone();
    }

    @Test
    void shouldWaitForAnAttachmentUnderWayBeforeAnythingStandsStill() throws Exception {
        CompletableFuture<Void> found = new CompletableFuture<>();
        CompletableFuture<Void> asked = new CompletableFuture<>();
        Bridge first = new Bridge(false, (name, readOnly, steal) -> {
            asked.complete(null);
            found.join();
            return held().open(name, readOnly, steal);
        });
        CompletableFuture<Void> attached = inBackground(() -> {
            attach("v");
            return null;
        });
        asked.get(60, TimeUnit.SECONDS);
        CompletableFuture<Bridge> second = inBackground(() -> new Bridge(true, held()));
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        try (BridgeClient client = BridgeClient.connect(control())) {
            while (!isRefused(client)) {
                FrontEndModel.pause(deadlineNs);
            }
        }
        assertThat(first.ended).isNotDone();
        found.complete(null);
        attached.get(60, TimeUnit.SECONDS);
        second.get(60, TimeUnit.SECONDS);
        awaitState("attached");
        connect();
        writeAndRead();
    }

    private static boolean isRefused(BridgeClient client) {
        try {
            client.detach("nothing", false);
            return false;
        } catch (IOException e) {
            return e.getMessage().contains("hands over");
        }
    }

    @Test
    void shouldDisturbNothingWhenTheNewOneCouldNotGoOn() throws Exception {
        Bridge bridge = new Bridge(false, held());
        attach("v");
        connect();
        VolumeOpener elsewhere = new VolumeOpener() {
            @Override
            public OpenedVolume open(String name, boolean readOnly, boolean steal) throws IOException {
                throw new IOException("never");
            }

            @Override
            public void check(String name, UUID id) throws IOException {
                throw new IOException("there is no volume " + name + " of " + id);
            }
        };
        assertThatThrownBy(() -> new Bridge(true, elsewhere))
                .hasMessageContaining("the bridge that runs goes on")
                .hasMessageContaining("no volume v of " + new UUID(1, 2));
        Path record = control().resolveSibling("bridge.sock.d").resolve("ashlar-" + new UUID(1, 2) + ".json");
        String text = Files.readString(record);
        Files.writeString(record, text.replace("\"version\":1", "\"version\":9"));
        assertThatThrownBy(() -> new Bridge(true, held()))
                .hasMessageContaining("the bridge that runs goes on")
                .hasMessageContaining("another version");
        Files.writeString(record, text);
        writeAndRead();
        assertThat(bridge.ended).isNotDone();
    }

    @Test
    void shouldStartAsUsualWhenNoBridgeRuns() throws Exception {
        new Bridge(true, held()).end();
        Files.createFile(control()); // what a dead one leaves
        Bridge bridge = new Bridge(true, held());
        attach("v");
        connect();
        writeAndRead();
        assertThat(bridge.ended).isNotDone();
    }

    /** Starts a bridge in a process of its own, with a volume in a file that answers nothing while another file exists. */
    private void startProcess() throws Exception {
        process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin/java").toString(),
                        "--add-opens",
                        "java.base/java.nio=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        BridgeMain.class.getName(),
                        control().toString(),
                        stallFile().toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .redirectOutput(folder.resolve("output").toFile())
                .start();
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!Files.readString(folder.resolve("output")).contains("ready")) {
            FrontEndModel.pause(deadlineNs);
        }
        attach("stalling");
    }

    private Path stallFile() {
        return folder.resolve("stall");
    }

    private VolumeOpener files() {
        return BridgeMain.opener(stallFile(), Map.of());
    }

    private void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Test
    void shouldTakeOverAsAfterACrashWhenTheOldOneDiesBeforeItHasAnswered() throws Exception {
        startProcess();
        connect();
        writeAndRead();
        Files.createFile(stallFile());
        int first = offer(0, FrontEndModel.OUT, 3, 'p');
        int second = offer(1, FrontEndModel.OUT, 4, 'q');
        CompletableFuture<Bridge> taking = inBackground(() -> new Bridge(true, files()));
        awaitState("leaving");
        kill();
        Bridge next = taking.get(60, TimeUnit.SECONDS);
        Files.delete(stallFile());
        reconnect();
        front.awaitUsed(0);
        front.awaitUsed(1);
        assertThat(memory.memory().get(first + 8192)).isZero();
        assertThat(memory.memory().get(second + 8192)).isZero();
        read(1, 3, 'p');
        read(0, 4, 'q');
        assertThat(next.ended).isNotDone();
    }

    @Test
    void shouldTakeOverAsAfterACrashWhenTheOldOneDiesWithItsAnswerGiven() throws Exception {
        for (boolean taken : new boolean[] {false, true}) {
            startProcess();
            connect();
            writeAndRead();
            try (Asker asker = new Asker()) {
                asker.say(HANDOVER);
                assertThat(asker.hear()).contains(socket().toString());
                if (taken) {
                    asker.say(TAKEN);
                }
                kill();
            }
            Bridge next = new Bridge(true, files());
            reconnect();
            writeAndRead();
            try (BridgeClient client = BridgeClient.connect(control())) {
                client.detach("stalling", true);
            }
            next.end();
            front.close();
            front = null;
        }
        assertThat(bridges).hasSize(2);
    }

    @Test
    void shouldEndWithZeroWhenAnotherProcessHasFollowed() throws Exception {
        startProcess();
        connect();
        writeAndRead();
        Bridge next = new Bridge(true, files());
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
        assertThat(Files.readString(folder.resolve("output")))
                .contains("process " + ProcessHandle.current().pid() + " goes on with its devices");
        reconnect();
        writeAndRead();
        assertThat(next.ended).isNotDone();
    }
}
