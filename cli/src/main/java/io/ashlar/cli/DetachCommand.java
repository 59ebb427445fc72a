package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.agent.BridgeConfig;
import io.ashlar.vduse.agent.Detachment;
import io.ashlar.vduse.agent.LeftoverRemoval;
import io.ashlar.vduse.agent.VolumeOpener;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ashlar detach NAME}. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "detach",
        description = "Detach a volume from this host. Refused, saying who, while it is mounted or open.",
        mixinStandardHelpOptions = true)
final class DetachCommand implements Runnable {
    @Parameters(paramLabel = "NAME", description = "The volume.")
    private String name;

    @Option(
            names = "--force",
            description =
                    "Detach it under its users: their I/O fails, and what was not flushed is lost; says how many requests"
                            + " in flight have failed. Also where the bridge is dead; for that alone --server matters,"
                            + " since its node is to be told.")
    private boolean force;

    @Mixin
    private ServerOption server;

    @Mixin
    private ControlOption control;

    @Mixin
    private Output output;

    @Override
    public void run() {
        boolean bridgeIsDead = force && !control.isAnswered() && isAnyLeft();
        Detachment ended = bridgeIsDead ? removeLeftover() : control.ask(bridge -> bridge.detach(name, force));
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("name", name);
        fields.put("detached", true);
        fields.put("givenBack", ended.givenBack());
        fields.put("failedRequests", ended.failedRequests());
        output.print(ended.text(name), fields);
    }

    private static boolean isAnyLeft() {
        try {
            return LeftoverRemoval.isAnyLeft();
        } catch (IOException e) {
            throw Failure.failed("can't look for devices: " + e.getMessage(), e);
        }
    }

    /** Nobody answers for the device: this process does. */
    private Detachment removeLeftover() {
        server.check();
        try (EpollLoops sessions = EpollLoops.floating("session", 1)) {
            BridgeConfig config = BridgeConfig.defaults().withControlSocket(control.socket());
            return LeftoverRemoval.remove(config, opener(server, sessions.all().get(0)), name);
        } catch (IOException e) {
            throw Failure.failed(e.getMessage(), e);
        }
    }

    /** The node's name may be what nobody knows just now: the device goes all the same. */
    static VolumeOpener opener(ServerOption server, EpollLoop loop) {
        try {
            return new RemoteVolumes(server.addresses(), 0).on(loop);
        } catch (Failure e) {
            return (volume, readOnly, steal) -> {
                throw new IOException(e.getMessage(), e);
            };
        }
    }
}
