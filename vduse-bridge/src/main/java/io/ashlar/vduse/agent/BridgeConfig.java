package io.ashlar.vduse.agent;

import java.nio.file.Path;
import java.util.BitSet;

/**
 * How a bridge is set up.
 *
 * @param controlSocket its control socket; the folder beside it holds what a successor must know
 * @param queues virtqueues of each device; 0 means one per CPU used
 * @param queueSize descriptors of each virtqueue, a power of two
 * @param cpus the CPUs to use; empty means all that the process may use
 * @param keepAffinity whether affinity masks of several CPUs are left alone
 * @param bounceBytes bounce window of each device; 0 means computed from queues and depth
 * @param bounceBudgetBytes what all bounce windows together may take; 0 means an eighth of the memory
 * @param messageTimeoutSeconds how long the kernel waits for an answer before it gives a device up. Never 0: shutting
 *     down a host whose bridge is dead would wait for ever
 */
public record BridgeConfig(
        Path controlSocket,
        int queues,
        int queueSize,
        BitSet cpus,
        boolean keepAffinity,
        long bounceBytes,
        long bounceBudgetBytes,
        int messageTimeoutSeconds) {
    /** Where the control socket is unless said otherwise. */
    public static final Path CONTROL_SOCKET = Path.of("/run/ashlar/bridge.sock");

    private static final int QUEUES_MAX = 128;
    private static final int QUEUE_SIZE_MIN = 4;
    private static final int QUEUE_SIZE_MAX = 1024;

    /** Checks the components. */
    public BridgeConfig {
        cpus = (BitSet) cpus.clone();
        if (queues < 0 || queues > QUEUES_MAX) {
            throw new IllegalArgumentException("queues: " + queues + " is not 0 (one per CPU) to " + QUEUES_MAX);
        }
        if (queueSize < QUEUE_SIZE_MIN || queueSize > QUEUE_SIZE_MAX || Integer.bitCount(queueSize) != 1) {
            throw new IllegalArgumentException("queue-size: " + queueSize + " is not a power of two from "
                    + QUEUE_SIZE_MIN + " to " + QUEUE_SIZE_MAX);
        }
        if (bounceBytes != 0 && (bounceBytes < BounceBudget.KERNEL_MIN || bounceBytes > BounceBudget.KERNEL_MAX)) {
            throw new IllegalArgumentException("bounce-size: " + bounceBytes + " bytes are not 1 MiB to 1 GiB");
        }
        if (bounceBudgetBytes < 0) {
            throw new IllegalArgumentException("bounce-budget: negative");
        }
        if (messageTimeoutSeconds < 1) {
            throw new IllegalArgumentException("message-timeout: must be at least 1 second");
        }
    }

    /** Returns the defaults. */
    public static BridgeConfig defaults() {
        return new BridgeConfig(CONTROL_SOCKET, 0, 256, new BitSet(), false, 0, 0, 300);
    }

    /** Returns this configuration with another control socket. */
    public BridgeConfig withControlSocket(Path socket) {
        return new BridgeConfig(
                socket, queues, queueSize, cpus, keepAffinity, bounceBytes, bounceBudgetBytes, messageTimeoutSeconds);
    }

    @Override
    public BitSet cpus() {
        return (BitSet) cpus.clone();
    }
}
