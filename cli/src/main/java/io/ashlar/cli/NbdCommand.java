package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.text.SizeText;
import io.ashlar.cli.metrics.NbdMetrics;
import io.ashlar.nbd.handshake.NbdExport;
import io.ashlar.nbd.session.NbdLimits;
import io.ashlar.nbd.session.NbdServer;
import io.ashlar.vduse.agent.HostProtection;
import io.ashlar.vduse.agent.VolumeOpener.OpenedVolume;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ashlar nbd NAME}: a volume for every tool and host that speaks NBD, until it is told to stop. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "nbd",
        description = "Serve a volume over NBD, for qemu, nbdcopy, nbd-client and the like. The export is the volume's"
                + " writer. SIGTERM ends it once what is in flight is answered.",
        mixinStandardHelpOptions = true)
final class NbdCommand implements Callable<Integer> {
    /** NBD's registered port. */
    private static final String DEFAULT_LISTEN = "127.0.0.1:10809";

    @Parameters(paramLabel = "NAME", description = "The volume, and the name of the export.")
    private String name;

    @Option(
            names = "--listen",
            paramLabel = "HOST:PORT",
            description = "Where clients connect (default: 127.0.0.1:10809, unless there is --socket).")
    private String listen;

    @Option(
            names = "--socket",
            paramLabel = "PATH",
            description = "Serve on a Unix socket, which only this user can connect to, instead of TCP.")
    private Path socket;

    @Option(names = "--read-only", description = "Refuse writes; somebody else may hold the volume.")
    private boolean readOnly;

    @Option(
            names = "--insecure-listen",
            description = "Allow addresses that other hosts can reach, for --http too. There is no authentication:"
                    + " whoever reaches the export can read and write the volume.")
    private boolean insecureListen;

    @Option(
            names = "--connections",
            paramLabel = "N",
            defaultValue = "16",
            description = "Connections at a time (default: ${DEFAULT-VALUE}).")
    private int connections;

    @Option(
            names = "--cpus",
            paramLabel = "LIST",
            defaultValue = "",
            description = "CPUs to use, such as 0-3,6 (default: all that are allowed).")
    private String cpus;

    @Option(
            names = "--http",
            paramLabel = "HOST:PORT",
            defaultValue = HttpPages.OFF,
            description = "Where /metrics and /healthz are, or 'off' (default: ${DEFAULT-VALUE}).")
    private String http;

    @Option(names = "--steal", description = "Take the volume from whoever holds it; that one can't write any more.")
    private boolean steal;

    @Option(
            names = "--io-timeout",
            paramLabel = "SECONDS",
            defaultValue = "0",
            description = "Fail I/O with an error when the node does not answer for this long; 0 waits for ever"
                    + " (default: ${DEFAULT-VALUE}).")
    private int ioTimeout;

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public Integer call() {
        Signals signals = Signals.take();
        InetSocketAddress address = address();
        InetSocketAddress pages = HttpPages.address(http, insecureListen);
        NbdLimits limits = limits();
        if (steal && readOnly) {
            throw Failure.failed(
                    "--steal and --read-only: choose one; whoever only reads takes the volume from nobody");
        }
        if (ioTimeout < 0 || ioTimeout > 86_400) {
            throw Failure.failed("--io-timeout: " + ioTimeout + " is not between 0 and 86400 seconds");
        }
        for (String warning : HostProtection.apply()) {
            LoggerFactory.getLogger(NbdCommand.class).warn(warning);
        }
        try {
            NbdServer.checkFree(address, socket);
        } catch (IOException e) {
            throw Failure.failed(e.getMessage(), e);
        }
        // The place where it listens tells exports of one host apart; the next one there takes the volume back.
        RemoteVolumes volumes = new RemoteVolumes(server.addresses(), ioTimeout * 1000, "-nbd-" + place(address));
        try (EpollLoops loops = EpollLoops.pinned("data", cpusToUse());
                EpollLoops sessions = EpollLoops.floating("session", 1);
                OpenedDevice opened =
                        new OpenedDevice(volumes.on(sessions.all().get(0)).open(name, readOnly, steal))) {
            BlockDevice device = opened.volume().device();
            NbdExport export = new NbdExport(
                    name,
                    "volume " + name + ", " + SizeText.format(device.geometry().sizeBytes()),
                    device,
                    readOnly);
            try (NbdServer nbd = socket == null
                            ? NbdServer.listen(export, limits, address, loops.all())
                            : NbdServer.listen(export, limits, socket, loops.all());
                    HttpPages served = new HttpPages(pages);
                    ServiceNotice notice = ServiceNotice.of(System.getenv(), loops.all())) {
                notice.up(printWhere(nbd, served.listen(() -> NbdMetrics.ailment(name, device))));
                served.measure(() -> NbdMetrics.page(name, device, nbd, "ashlar/" + Version.number()));
                notice.watchUntil(signals::awaitStop);
                notice.stopping();
                output.err().println("ashlar: stopping");
            }
        } catch (IOException | IllegalArgumentException | IllegalStateException e) {
            throw Failure.failed(e.getMessage(), e);
        }
        return 0;
    }

    private String place(InetSocketAddress address) {
        if (socket != null) {
            return socket.toAbsolutePath().toString();
        }
        // A port that the kernel chooses is nobody's place.
        return address.getPort() == 0 ? "pid-" + ProcessHandle.current().pid() : Addresses.text(address);
    }

    /** Says where the volume is served, and returns that line. */
    private String printWhere(NbdServer nbd, String pages) {
        String uri = socket != null
                ? "nbd+unix:///" + name + "?socket=" + socket.toAbsolutePath()
                : "nbd://" + Addresses.text(new InetSocketAddress(address().getAddress(), nbd.port())) + "/" + name;
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("volume", name);
        fields.put("uri", uri);
        fields.put("readOnly", readOnly);
        fields.put("http", pages);
        String text =
                "volume " + name + " is served on " + uri + (pages.isEmpty() ? "" : ", http://" + pages + "/metrics");
        output.print(text, fields);
        return text;
    }

    /** Returns the TCP address, or null where a socket is asked for. */
    private InetSocketAddress address() {
        if (socket != null) {
            if (listen != null) {
                throw Failure.failed("--listen and --socket: choose one");
            }
            return null;
        }
        InetSocketAddress address = Addresses.parse(listen(), "--listen");
        if (!address.getAddress().isLoopbackAddress() && !insecureListen) {
            throw Failure.failed("--listen: " + listen + " can be reached from other hosts, and there is no"
                    + " authentication; say --insecure-listen if that is meant");
        }
        return address;
    }

    private String listen() {
        return listen == null ? DEFAULT_LISTEN : listen;
    }

    private BitSet cpusToUse() {
        BitSet allowed = EpollLoops.allowedCpus();
        BitSet wanted = BridgeCommand.cpuList(cpus);
        BitSet beyond = BridgeCommand.cpuList(cpus);
        beyond.andNot(allowed);
        if (!beyond.isEmpty()) {
            throw Failure.failed("--cpus: " + beyond + " can't be used; allowed are " + allowed);
        }
        return wanted.isEmpty() ? allowed : wanted;
    }

    private NbdLimits limits() {
        try {
            NbdLimits limits = NbdLimits.DEFAULT.withConnectionsMax(connections);
            limits.largeReadsMax(PlatformDependent.estimateMaxDirectMemory());
            return limits;
        } catch (IllegalArgumentException e) {
            throw Failure.failed("--connections: " + e.getMessage(), e);
        }
    }

    /** Closes the device at the end. */
    private record OpenedDevice(OpenedVolume volume) implements AutoCloseable {
        @Override
        public void close() {
            volume.device().close();
        }
    }
}
