package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How to undo what has been done so far, newest first. An attachment that fails half-way is undone by the same steps as
 * one that is detached. Not thread-safe: whoever works on the attachment has it.
 */
@ConfinedTo(LoopKind.OWNER)
final class Teardown {
    private static final Logger LOG = LoggerFactory.getLogger(Teardown.class);

    /** One thing to undo. */
    interface Step {
        /** Undoes it; may block. */
        void run() throws IOException, InterruptedException, ExecutionException, TimeoutException;
    }

    private record Named(String what, Step step, boolean removes) {}

    private final Deque<Named> steps = new ArrayDeque<>();

    /** Remembers how to undo what has just been done, on our side. */
    void push(String what, Step step) {
        steps.push(new Named(what, step, false));
    }

    /** Remembers how to undo what has just been done, which takes something away from the device's users. */
    void pushRemoval(String what, Step step) {
        steps.push(new Named(what, step, true));
    }

    /** Undoes everything. At the first failure it stops and throws; what is left can be tried again. */
    void run() throws IOException {
        while (!steps.isEmpty()) {
            runStep(steps.peek());
            steps.pop();
        }
    }

    /** Undoes what is on our side only, each step only if those before it have succeeded: the device is in use and stays. */
    void letGoInOrder() throws IOException {
        steps.removeIf(Named::removes);
        run();
    }

    /** Undoes what is on our side only, as far as possible. */
    void letGo() {
        steps.removeIf(Named::removes);
        runThrough();
    }

    /** Undoes everything as far as possible, and logs what is not. */
    void runThrough() {
        while (!steps.isEmpty()) {
            Named next = steps.pop();
            try {
                runStep(next);
            } catch (IOException e) {
                LOG.warn("could not {}: {}", next.what(), e.getMessage());
            }
        }
    }

    private static void runStep(Named next) throws IOException {
        try {
            next.step().run();
        } catch (ExecutionException | CompletionException e) {
            throw asIoException(next.what(), e.getCause());
        } catch (TimeoutException e) {
            throw new BridgeException("it takes too long to " + next.what(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BridgeException("interrupted while trying to " + next.what(), e);
        }
    }

    /** Returns the failure of another thread as one of ours. */
    static IOException asIoException(String what, Throwable cause) {
        return cause instanceof IOException known
                ? known
                : new BridgeException("can't " + what + ": " + cause.getMessage(), cause);
    }
}
