package io.ashlar.lab.soak;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.client.admin.AdminClient;
import io.ashlar.client.admin.AdminException;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.CreateVolume;
import io.ashlar.vduse.agent.Attachment;
import io.ashlar.vduse.agent.BridgeClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A node and a bridge, processes of the distribution, with their files and logs in one folder. Its methods return when what they
 * did has come into effect, or throw after a minute or two.
 */
@ConfinedTo(LoopKind.OWNER)
final class SoakStack implements AutoCloseable {
    private static final String VOLUME = "soak";
    private static final long WAIT_NS = TimeUnit.SECONDS.toNanos(120);
    private static final long LOOK_MS = 10;
    private static final Pattern SENT_AGAIN = Pattern.compile("virtqueue \\d+: (\\d+) requests that were in flight");

    private final Path launcher;
    private final Path folder;
    private final InetSocketAddress address;
    private Process node;
    private Process bridge;

    /**
     * Prepares it; nothing is started.
     *
     * @param launcher {@code bin/ashlar} of the distribution
     * @param folder ours alone; its path must be short enough for sockets in it
     */
    SoakStack(Path launcher, Path folder) throws IOException {
        this.launcher = launcher;
        this.folder = folder;
        // The node keeps its port when it is started again, and so has to have one that was free.
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            address = new InetSocketAddress(InetAddress.getLoopbackAddress(), free.getLocalPort());
        }
    }

    /** Returns where the volume is served to front ends. */
    Path socket() {
        return folder.resolve("v.sock");
    }

    private Path control() {
        return folder.resolve("run").resolve("bridge.sock");
    }

    /** Starts both, and attaches a volume. */
    void start(long volumeBytes) throws IOException {
        node = startNode();
        awaitNode();
        createVolume(volumeBytes);
        bridge = startBridge();
        await("the bridge", this::isBridgeUp);
        try (BridgeClient client = BridgeClient.connect(control())) {
            client.attachVhostUser(VOLUME, false, false, socket(), SoakLoad.QUEUES);
        }
    }

    private Process startNode() throws IOException {
        return start(
                "node",
                List.of(
                        "server",
                        "--data",
                        folder.resolve("data").toString(),
                        "--listen",
                        text(),
                        "--http",
                        "127.0.0.1:0"));
    }

    private String text() {
        return "127.0.0.1:" + address.getPort();
    }

    private Process startBridge(String... more) throws IOException {
        List<String> arguments = new ArrayList<>(
                List.of("bridge", "--server", text(), "--control", control().toString(), "--http", "off"));
        Collections.addAll(arguments, more);
        return start("bridge", arguments);
    }

    private Process start(String log, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(arguments);
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log(log).toFile()))
                .start();
    }

    private Path log(String name) {
        return folder.resolve(name + ".log");
    }

    private void createVolume(long bytes) throws IOException {
        CreateVolume command = CreateVolume.newBuilder()
                .setName(VOLUME)
                .setSizeBytes(bytes)
                .setLogicalBlockBytes(DiskContent.BLOCK_BYTES)
                .build();
        try (AdminClient client = AdminClient.connect(address)) {
            client.ask(AdminRequest.newBuilder().setCreateVolume(command).build());
        } catch (AdminException e) {
            throw new IOException("can't create a volume: " + e.getMessage(), e);
        }
    }

    private void awaitNode() throws IOException {
        await("the node", () -> {
            try (AdminClient client = AdminClient.connect(address)) {
                return client != null;
            } catch (AdminException e) {
                return false;
            }
        });
    }

    private boolean isBridgeUp() {
        try (BridgeClient client = BridgeClient.connect(control())) {
            return client != null;
        } catch (IOException e) {
            return false;
        }
    }

    /** Waits until the volume is attached, by whatever bridge answers. */
    private void awaitAttached() throws IOException {
        await("the volume to be served again", this::isAttached);
    }

    private boolean isAttached() {
        try (BridgeClient client = BridgeClient.connect(control())) {
            return client.attachments().stream().map(Attachment::state).anyMatch("attached"::equals);
        } catch (IOException e) {
            return false;
        }
    }

    /** Kills the bridge with -9, and starts another. */
    void killBridge() throws IOException {
        kill(bridge);
        bridge = startBridge();
        awaitAttached();
    }

    /** Lets another bridge take the place of the one that runs. */
    void handOver() throws IOException {
        Process old = bridge;
        Process next = startBridge("--handover");
        try {
            await("the old bridge to end", () -> !old.isAlive() || !next.isAlive());
        } finally {
            bridge = next;
        }
        if (old.isAlive()) {
            bridge = old;
            throw new IOException("the new bridge has ended with exit code " + next.exitValue());
        }
        check(old.exitValue() == 0, "the old bridge has ended with exit code " + old.exitValue());
        awaitAttached();
    }

    /**
     * Begins a handover, and kills one of the two bridges; another is started where none is left.
     *
     * @param afterMs how long after the start of the new one
     * @param killNew whether it is the new one that dies
     */
    void tearHandover(int afterMs, boolean killNew) throws IOException {
        Process old = bridge;
        Process next = startBridge("--handover");
        bridge = killNew ? old : next;
        long killNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(afterMs);
        await("the moment to kill", () -> System.nanoTime() - killNs >= 0);
        Process victim = killNew ? next : old;
        victim.destroyForcibly();
        awaitEnd(victim);
        if (killNew) {
            await("the old bridge to go on or to end", () -> !old.isAlive() || isAttached());
        }
        if (!bridge.isAlive()) {
            check(killNew && old.exitValue() == 0, "the bridge that was not killed has ended");
            bridge = startBridge();
        }
        awaitAttached();
    }

    private static void check(boolean right, String otherwise) throws IOException {
        if (!right) {
            throw new IOException(otherwise);
        }
    }

    /** Kills the node with -9, and starts it again. */
    void killNode() throws IOException {
        kill(node);
        node = startNode();
        awaitNode();
    }

    private static void kill(Process process) throws IOException {
        if (!process.isAlive()) {
            throw new IOException("a process has ended by itself, with exit code " + process.exitValue());
        }
        process.destroyForcibly();
        awaitEnd(process);
    }

    private static void awaitEnd(Process process) throws IOException {
        try {
            if (!process.waitFor(WAIT_NS, TimeUnit.NANOSECONDS)) {
                throw new IOException("a process does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static void await(String what, BooleanSupplier condition) throws IOException {
        long deadlineNs = System.nanoTime() + WAIT_NS;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadlineNs > 0) {
                throw new IOException("waited in vain for " + what);
            }
            pause();
        }
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(LOOK_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    /** Detaches the volume, and stops both in good order. */
    void stop() throws IOException {
        await("the front end's end to be seen", this::isDetached);
        for (Process process : List.of(bridge, node)) {
            process.destroy();
            awaitEnd(process);
            if (process.exitValue() != 0) {
                throw new IOException("a daemon has ended with exit code " + process.exitValue());
            }
        }
    }

    private boolean isDetached() {
        try (BridgeClient client = BridgeClient.connect(control())) {
            client.detach(VOLUME, false);
            return true;
        } catch (IOException e) {
            if (e.getMessage().contains("is connected")) {
                return false;
            }
            throw new UncheckedIOException(e);
        }
    }

    /** Returns how many requests bridges have sent again that a predecessor had in flight. */
    long sentAgain() throws IOException {
        return Files.readAllLines(log("bridge")).stream()
                .map(SENT_AGAIN::matcher)
                .filter(Matcher::find)
                .mapToLong(line -> Long.parseLong(line.group(1)))
                .sum();
    }

    /** Returns what the daemons have logged as errors. */
    List<String> errors() throws IOException {
        List<String> found = new ArrayList<>();
        for (String log : List.of("bridge", "node")) {
            Files.readAllLines(log(log)).stream()
                    .filter(line -> line.contains(" ERROR "))
                    .forEach(found::add);
        }
        return found;
    }

    /** Kills what runs. */
    @Override
    public void close() {
        for (Process process : new Process[] {bridge, node}) {
            if (process != null) {
                process.destroyForcibly();
            }
        }
    }
}
