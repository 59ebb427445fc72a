package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.cli.metrics.BridgeMetrics;
import io.ashlar.vduse.agent.Attachment;
import io.ashlar.vduse.agent.BridgeClient;
import io.ashlar.vduse.agent.BridgeConfig;
import io.ashlar.vduse.agent.BridgeDaemon;
import io.ashlar.vduse.agent.ControlServer;
import io.ashlar.vduse.agent.HostProtection;
import io.ashlar.vduse.agent.VolumeOpener;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ashlar bridge}: the daemon of a host that turns volumes into block devices. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "bridge",
        description = "Run the bridge of this host: it turns volumes into block devices. SIGTERM ends it and leaves the"
                + " devices, whose applications wait for the next bridge.",
        mixinStandardHelpOptions = true)
final class BridgeCommand implements Callable<Integer> {
    /** How long the end of a bridge may take after another one has followed it. */
    private static final long END_MS = 5_000;

    @Spec
    private CommandSpec command;

    @Option(
            names = "--queues",
            paramLabel = "N",
            defaultValue = "0",
            description = "Virtqueues of each device; 0 means one per CPU used (default: ${DEFAULT-VALUE}).")
    private int queues;

    @Option(
            names = "--queue-size",
            paramLabel = "N",
            defaultValue = "256",
            description = "Descriptors of each virtqueue, a power of two (default: ${DEFAULT-VALUE}).")
    private int queueSize;

    @Option(
            names = "--cpus",
            paramLabel = "LIST",
            defaultValue = "",
            description = "CPUs to use, such as 0-3,6 (default: all that are allowed).")
    private String cpus;

    @Option(
            names = "--keep-affinity",
            description = "Leave affinity masks of several CPUs alone, instead of narrowing them to the one that serves"
                    + " the queue.")
    private boolean keepAffinity;

    @Option(
            names = "--bounce-size",
            paramLabel = "SIZE",
            defaultValue = "0",
            converter = Size.class,
            description = "Bounce window of each device, 1M to 1G; 0 computes it from queues and depth (default:"
                    + " ${DEFAULT-VALUE}). The kernel keeps these pages until the device is gone.")
    private long bounceSize;

    @Option(
            names = "--bounce-budget",
            paramLabel = "SIZE",
            defaultValue = "0",
            converter = Size.class,
            description = "What all bounce windows together may take; 0 means an eighth of the memory (default:"
                    + " ${DEFAULT-VALUE}).")
    private long bounceBudget;

    @Option(
            names = "--message-timeout",
            paramLabel = "SECONDS",
            defaultValue = "300",
            description = "How long the kernel waits for the bridge to answer before it gives a device up (default:"
                    + " ${DEFAULT-VALUE}).")
    private int messageTimeout;

    @Option(
            names = "--io-timeout",
            paramLabel = "SECONDS",
            defaultValue = "0",
            description = "Fail I/O with an error when the node does not answer for this long; 0 waits for ever"
                    + " (default: ${DEFAULT-VALUE}).")
    private int ioTimeout;

    @Option(
            names = "--drain",
            description = "Ask the bridge that runs to detach what nobody uses, and say what stays. Exit code 1 if"
                    + " something stays.")
    private boolean drain;

    @Option(
            names = "--handover",
            description =
                    "Take the place of the bridge that runs: it goes on until this one is ready, hands its devices"
                            + " over and ends. Where none runs, start as usual.")
    private boolean handover;

    @Mixin
    private BridgeHttp http;

    @Mixin
    private ServerOption server;

    @Mixin
    private ControlOption control;

    @Mixin
    private Output output;

    @Override
    public Integer call() {
        if (drain && handover) {
            throw new ParameterException(command.commandLine(), "--drain and --handover exclude each other");
        }
        if (drain) {
            return drain();
        }
        Signals signals = Signals.take();
        try {
            BridgeConfig config = config();
            http.address();
            for (String warning : HostProtection.apply()) {
                LoggerFactory.getLogger(BridgeCommand.class).warn(warning);
            }
            serve(config, signals);
        } catch (IOException | IllegalArgumentException | IllegalStateException e) {
            throw Failure.failed(e.getMessage(), e);
        }
        return 0;
    }

    private void serve(BridgeConfig config, Signals signals) throws IOException {
        if (ioTimeout < 0 || ioTimeout > 86_400) {
            throw Failure.failed("--io-timeout: " + ioTimeout + " is not between 0 and 86400 seconds");
        }
        String last;
        RemoteVolumes volumes = new RemoteVolumes(server.addresses(), ioTimeout * 1000);
        try (EpollLoops loops = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
                EpollLoops sessions = EpollLoops.floating("session", 1);
                BridgeDaemon daemon =
                        start(config, loops, volumes.on(sessions.all().get(0)), signals);
                BridgeHttp pages = http;
                ServiceNotice notice = ServiceNotice.of(System.getenv(), loops.all())) {
            serve(daemon, signals, notice, pages.listen(() -> ailment(daemon)));
            last = daemon.stop();
        }
        output.err().println("ashlar: " + last); // behind what connections have to say of their end
    }

    private BridgeDaemon start(BridgeConfig config, EpollLoops loops, VolumeOpener volumes, Signals signals)
            throws IOException {
        return handover
                ? BridgeDaemon.startInPlaceOfOther(config, loops, volumes, signals::isAsked)
                : BridgeDaemon.start(config, loops, volumes);
    }

    private static String ailment(BridgeDaemon daemon) {
        return daemon.isStopping() ? "stopping" : BridgeMetrics.ailment(daemon.figures());
    }

    /** Takes commands until the bridge is to end. */
    private void serve(BridgeDaemon daemon, Signals signals, ServiceNotice notice, String pages) throws IOException {
        ControlServer commands = ControlServer.start(daemon, signals::ask);
        try {
            String up = "bridge is up: volumes of " + server.text() + ", control socket " + control.socket()
                    + (pages.isEmpty() ? "" : ", http://" + pages + "/metrics");
            output.print(
                    up,
                    Map.of("server", server.text(), "control", control.socket().toString(), "http", pages));
            http.measure(daemon::figures);
            notice.up(up);
            notice.watchUntil(signals::awaitStop);
            if (daemon.successor() == 0) {
                notice.stopping();
            } else {
                endSoon();
                notice.handedOver(daemon.successor());
            }
        } finally {
            commands.close();
        }
    }

    /** Applications wait for the lock, which nothing that hangs in the end of this process may keep. */
    private static void endSoon() {
        Thread thread = new Thread(
                () -> {
                    try {
                        Thread.sleep(END_MS);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    Runtime.getRuntime().halt(0);
                },
                "end");
        thread.setDaemon(true);
        thread.start();
    }

    /** Names what has gone and what stays; the latter is on standard error, a line each. */
    private int drain() {
        return control.ask(bridge -> {
            List<String> detached = new ArrayList<>(names(bridge));
            List<String> staying = bridge.drain();
            detached.removeAll(names(bridge));
            output.print(
                    detached.isEmpty() ? "nothing was detached" : "detached " + String.join(", ", detached),
                    Map.of("detached", detached, "staying", staying));
            if (!output.isJson()) {
                staying.forEach(line -> output.err().println("ashlar: stays: " + line));
            }
            return staying.isEmpty() ? 0 : Failure.FAILED;
        });
    }

    private static List<String> names(BridgeClient bridge) throws IOException {
        return bridge.attachments().stream().map(Attachment::name).toList();
    }

    private BridgeConfig config() {
        return new BridgeConfig(
                control.socket(),
                queues,
                queueSize,
                cpuList(cpus),
                keepAffinity,
                bounceSize,
                bounceBudget,
                messageTimeout);
    }

    /** Reads a list as the kernel writes it: numbers and ranges, {@code 0-3,6}. */
    static BitSet cpuList(String text) {
        BitSet set = new BitSet();
        if (text.isEmpty()) {
            return set;
        }
        for (String part : text.split(",", -1)) {
            if (!part.matches("[0-9]{1,4}(-[0-9]{1,4})?")) {
                throw Failure.failed("--cpus: '" + text + "' is not a list such as 0-3,6");
            }
            List<Integer> ends =
                    List.of(part.split("-", -1)).stream().map(Integer::valueOf).toList();
            int first = ends.get(0);
            int last = ends.get(ends.size() - 1);
            if (last < first) {
                throw Failure.failed("--cpus: '" + part + "' runs backwards");
            }
            set.set(first, last + 1);
        }
        return set;
    }
}
