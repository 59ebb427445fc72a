package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import io.ashlar.client.admin.AdminClient;
import io.ashlar.client.admin.AdminException;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ShowVolume;
import io.ashlar.protocol.message.VolumeInfo;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Finds the node that has a volume. A volume is on one node; names are unique on each, not among them: two that have a
 * volume of the name are a mistake that only the user can mend. All nodes are asked at once, each on a thread of its own,
 * which ends by itself when its node has answered, or has sent nothing for too long.
 */
@ConfinedTo(LoopKind.OWNER)
final class VolumeLookup {
    private static final long PAUSE_MS = 250;
    /** What the other nodes have to answer in, once one has the volume: one that is well takes milliseconds. */
    private static final long GRACE_NS = TimeUnit.SECONDS.toNanos(2);

    private final List<InetSocketAddress> nodes;
    private final String volume;
    private final int answerMs;
    private final long deadlineNs;
    /** A node that sends its answer byte by byte is not waited for longer. */
    private final long answersEndNs;

    private final CompletionService<Answer> answers = new ExecutorCompletionService<>(VolumeLookup::start);
    /** The last answer of each node that has given one, or could not be reached. */
    private final Map<InetSocketAddress, Answer> latest = new HashMap<>();

    private boolean found;
    private long graceEndNs;

    private VolumeLookup(List<InetSocketAddress> nodes, String volume, int timeoutMs, int answerMs) {
        this.nodes = nodes;
        this.volume = volume;
        this.answerMs = answerMs;
        deadlineNs = Clock.SYSTEM.nowNs() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        answersEndNs = deadlineNs + TimeUnit.MILLISECONDS.toNanos(AdminClient.CONNECT_MS + 2L * answerMs);
    }

    /**
     * Asks all nodes. Once one has the volume, those that do not answer soon are done without: they may hang. Where none has
     * it, those that can't be reached are asked again until the time is over, and what else one has answered is a failure. No
     * answer is waited for longer than it takes to connect, and to be greeted and answered in good time. A single node is not
     * asked.
     *
     * @throws Failure in one line
     */
    static InetSocketAddress find(List<InetSocketAddress> nodes, String volume, int timeoutMs) {
        return find(nodes, volume, timeoutMs, AdminClient.ANSWER_MS);
    }

    /** Finds it as above, and waits this long for each answer of a node. */
    static InetSocketAddress find(List<InetSocketAddress> nodes, String volume, int timeoutMs, int answerMs) {
        return nodes.size() == 1 ? nodes.get(0) : new VolumeLookup(nodes, volume, timeoutMs, answerMs).find();
    }

    /** What asking a node has led to; without a failure it has told whether it has the volume. */
    private record Answer(InetSocketAddress node, boolean has, AdminException failure) {
        boolean isUnreachable() {
            return failure != null && failure.isUnreachable();
        }
    }

    private InetSocketAddress find() {
        nodes.forEach(node -> ask(node, 0));
        for (long ns = patienceNs(); ns > 0; ns = patienceNs()) {
            Answer answer = next(ns);
            if (answer != null) {
                take(answer);
            }
        }
        List<InetSocketAddress> having =
                nodes.stream().filter(node -> isKnownToHave(latest.get(node))).toList();
        if (having.size() > 1) {
            throw Failure.failed("there is a volume " + volume + " on " + texts(having, " and on ")
                    + ": say with --server which one is meant");
        } else if (having.size() == 1) {
            return having.get(0);
        }
        throw notFound();
    }

    private Failure notFound() {
        for (Answer answer : latest.values()) {
            if (answer.failure != null && !answer.isUnreachable()) {
                return Failure.failed(Addresses.text(answer.node) + ": " + answer.failure.getMessage(), answer.failure);
            }
        }
        List<InetSocketAddress> silent =
                nodes.stream().filter(node -> !latest.containsKey(node)).toList();
        AdminException unreachable = unreachable();
        if (unreachable == null && silent.isEmpty()) {
            return Failure.failed("there is no volume " + volume + " on " + texts(nodes, " or "));
        }
        String why = unreachable == null
                ? "there is no answer in time from " + texts(silent, " and ")
                : unreachable.getMessage();
        return Failure.unreachable("no node that answers has a volume " + volume + ", and " + why, unreachable);
    }

    /** Returns how long to wait for an answer; none is waited for where that is not positive. */
    private long patienceNs() {
        if (latest.size() < nodes.size()) {
            return (found ? graceEndNs : answersEndNs) - Clock.SYSTEM.nowNs();
        }
        return found || unreachable() == null ? 0 : deadlineNs - Clock.SYSTEM.nowNs();
    }

    private void take(Answer answer) {
        long nowNs = Clock.SYSTEM.nowNs();
        latest.put(answer.node, answer);
        if (answer.has && !found) {
            found = true;
            graceEndNs = nowNs + GRACE_NS;
        } else if (answer.isUnreachable() && !found && nowNs - deadlineNs < 0) {
            ask(answer.node, PAUSE_MS);
        }
    }

    private static boolean isKnownToHave(Answer answer) {
        return answer != null && answer.has;
    }

    /** Returns why the last of the nodes that could not be reached could not, or null. */
    private AdminException unreachable() {
        return nodes.stream()
                .map(latest::get)
                .filter(Objects::nonNull)
                .filter(Answer::isUnreachable)
                .map(Answer::failure)
                .reduce(null, (before, last) -> last);
    }

    private void ask(InetSocketAddress node, long pauseMs) {
        Future<Answer> unused = answers.submit(() -> {
            TimeUnit.MILLISECONDS.sleep(pauseMs);
            return ask(node, volume, answerMs);
        });
    }

    private static Answer ask(InetSocketAddress node, String volume, int answerMs) {
        try {
            show(node, volume, answerMs);
            return new Answer(node, true, null);
        } catch (AdminException e) {
            return new Answer(node, false, e.status() == Status.NOT_FOUND ? null : e);
        }
    }

    /** Returns what a node knows of a volume. */
    static VolumeInfo show(InetSocketAddress node, String volume, int answerMs) throws AdminException {
        AdminRequest show = AdminRequest.newBuilder()
                .setShowVolume(ShowVolume.newBuilder().setName(volume))
                .build();
        try (AdminClient client = AdminClient.connect(node, answerMs)) {
            return client.ask(show).getShowVolume();
        }
    }

    private static void start(Runnable question) {
        Thread thread = new Thread(question, "lookup");
        thread.setDaemon(true);
        thread.start();
    }

    /** Returns the next answer; null where none comes in this time. */
    private Answer next(long patienceNs) {
        try {
            Future<Answer> next = answers.poll(patienceNs, TimeUnit.NANOSECONDS);
            return next == null ? null : next.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Failure.failed("interrupted", e);
        }
    }

    private static String texts(List<InetSocketAddress> nodes, String between) {
        return nodes.stream().map(Addresses::text).collect(Collectors.joining(between));
    }
}
