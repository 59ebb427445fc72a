package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.vduse.agent.BridgeClient;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The {@code --control} option of every command that talks to the bridge of this host. Mixed in. */
@ConfinedTo(LoopKind.OWNER)
final class ControlOption {
    /** What a command asks the bridge. */
    @FunctionalInterface
    interface Question<T> {
        T ask(BridgeClient bridge) throws IOException;
    }

    @Option(
            names = "--control",
            paramLabel = "SOCKET",
            description = "Control socket of the bridge (default: ${DEFAULT-VALUE}).",
            defaultValue = "${env:ASHLAR_CONTROL:-/run/ashlar/bridge.sock}")
    private Path socket;

    Path socket() {
        return socket;
    }

    /** Returns whether a bridge answers. */
    boolean isAnswered() {
        try (BridgeClient bridge = BridgeClient.connect(socket)) {
            return bridge != null;
        } catch (IOException e) {
            return false; // whoever asks next says why
        }
    }

    /** Asks the bridge; a {@link Failure} says why there is no answer. */
    <T> T ask(Question<T> question) {
        BridgeClient bridge;
        try {
            bridge = BridgeClient.connect(socket);
        } catch (IOException e) {
            throw Failure.unreachable(e.getMessage(), e);
        }
        try (bridge) {
            return question.ask(bridge);
        } catch (IOException e) {
            throw Failure.failed(e.getMessage(), e);
        }
    }
}
