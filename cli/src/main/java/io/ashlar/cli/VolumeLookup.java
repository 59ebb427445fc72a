package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import io.ashlar.client.admin.AdminClient;
import io.ashlar.client.admin.AdminException;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ShowVolume;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Finds the node that has a volume. A volume is on one node; names are unique on each, not among them. */
@Immutable
final class VolumeLookup {
    private static final long PAUSE_MS = 250;

    private VolumeLookup() {}

    /**
     * Asks the nodes in order, all of them: two that have a volume of the name are a mistake that only the user can mend.
     * Where none has it, those that can't be reached are asked again until the time is over. A single node is not asked.
     *
     * @throws Failure in one line
     */
    static InetSocketAddress find(List<InetSocketAddress> nodes, String volume, int timeoutMs) {
        return find(nodes, volume, timeoutMs, AdminClient.ANSWER_MS);
    }

    /** Finds it as above, and waits this long for each answer of a node. */
    static InetSocketAddress find(List<InetSocketAddress> nodes, String volume, int timeoutMs, int answerMs) {
        if (nodes.size() == 1) {
            return nodes.get(0);
        }
        long deadlineNs = Clock.SYSTEM.nowNs() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        List<InetSocketAddress> unasked = new ArrayList<>(nodes);
        while (true) {
            List<InetSocketAddress> having = new ArrayList<>();
            AdminException unreachable = askAll(unasked, volume, answerMs, having);
            if (having.size() > 1) {
                throw Failure.failed("there is a volume " + volume + " on " + texts(having, " and on ")
                        + ": say with --server which one is meant");
            } else if (having.size() == 1) {
                return having.get(0);
            } else if (unreachable == null) {
                throw Failure.failed("there is no volume " + volume + " on " + texts(nodes, " or "));
            } else if (Clock.SYSTEM.nowNs() - deadlineNs >= 0) {
                throw Failure.unreachable(
                        "no node that answers has a volume " + volume + ", and " + unreachable.getMessage(),
                        unreachable);
            }
            pause();
        }
    }

    private static AdminRequest show(String volume) {
        return AdminRequest.newBuilder()
                .setShowVolume(ShowVolume.newBuilder().setName(volume))
                .build();
    }

    /** Asks every node; those that answer are taken off the list. Returns why one could not be reached, or null. */
    private static AdminException askAll(
            List<InetSocketAddress> unasked, String volume, int answerMs, List<InetSocketAddress> having) {
        AdminException unreachable = null;
        for (InetSocketAddress node : List.copyOf(unasked)) {
            try {
                if (has(node, volume, answerMs)) {
                    having.add(node);
                }
                unasked.remove(node);
            } catch (AdminException e) {
                if (!e.isUnreachable()) {
                    throw Failure.failed(Addresses.text(node) + ": " + e.getMessage(), e);
                }
                unreachable = e;
            }
        }
        return unreachable;
    }

    private static boolean has(InetSocketAddress node, String volume, int answerMs) throws AdminException {
        try (AdminClient client = AdminClient.connect(node, answerMs)) {
            client.ask(show(volume));
            return true;
        } catch (AdminException e) {
            if (e.status() == Status.NOT_FOUND) {
                return false;
            }
            throw e;
        }
    }

    private static String texts(List<InetSocketAddress> nodes, String between) {
        return nodes.stream().map(Addresses::text).collect(Collectors.joining(between));
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Failure.failed("interrupted", e);
        }
    }
}
