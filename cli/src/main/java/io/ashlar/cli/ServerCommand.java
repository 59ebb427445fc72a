package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.server.StorageNode;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.ServerConfig;
import io.ashlar.vduse.agent.HostProtection;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code ashlar server}: runs a storage node until it is told to stop. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "server",
        description = "Run a storage node. SIGTERM stops it in order: everything flushed, within 30 seconds.",
        mixinStandardHelpOptions = true)
final class ServerCommand implements Callable<Integer> {
    @Option(
            names = "--data",
            required = true,
            paramLabel = "DIR",
            description = "The data folder; made when it is absent. One node per folder.")
    private Path data;

    @Option(
            names = "--listen",
            paramLabel = "HOST:PORT",
            defaultValue = "127.0.0.1:7440",
            description = "Where bridges and commands connect (default: ${DEFAULT-VALUE}).")
    private String listen;

    @Option(
            names = "--http",
            paramLabel = "HOST:PORT",
            defaultValue = "127.0.0.1:7441",
            description = "Where /metrics and /healthz are (default: ${DEFAULT-VALUE}).")
    private String http;

    @Option(
            names = "--insecure-listen",
            description = "Allow addresses that other hosts can reach. There is no authentication yet: whoever reaches"
                    + " the node can read and write every volume.")
    private boolean insecureListen;

    @Option(
            names = "--spread",
            description = "Give connections to the CPUs in turn, instead of to the one where their packets come in.")
    private boolean spread;

    @Mixin
    private Output output;

    @Override
    public Integer call() {
        Signals signals = Signals.take();
        for (String warning : HostProtection.apply()) {
            LoggerFactory.getLogger(ServerCommand.class).warn(warning);
        }
        try (StorageNode node = StorageNode.start(config());
                ServiceNotice notice = ServiceNotice.of(System.getenv(), node.loops())) {
            String block = text(node.addresses().block());
            String metrics = text(node.addresses().http());
            String up = "node is up: data in " + data + ", volumes on " + block + ", http://" + metrics + "/metrics";
            output.print(up, Map.of("data", data.toString(), "listen", block, "http", metrics));
            notice.up(up);
            notice.watchUntil(signals::awaitStop);
            notice.stopping();
            output.err().println("ashlar: stopping");
        } catch (IOException | IllegalArgumentException e) {
            throw Failure.failed(e.getMessage(), e);
        }
        return 0;
    }

    private ServerConfig config() {
        return ServerConfig.of(data)
                .withAddresses(ListenAddress.parse(listen), ListenAddress.parse(http), insecureListen)
                .withSpread(spread);
    }

    private static String text(InetSocketAddress address) {
        return address.getAddress().getHostAddress() + ":" + address.getPort();
    }
}
