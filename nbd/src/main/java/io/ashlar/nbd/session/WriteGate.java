package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ThreadSafe;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Keeps a read-modify-write apart from everything else that changes the export, on whatever loop: between its read and
 * its write nobody else's bytes of the same block may change, or they would be undone.
 *
 * <p>Idea: changes are let in side by side and counted, each connection in a counter of its own, so that the usual case
 * costs an increment of a line that nobody else writes and a look at one that nobody writes at all. A rewrite becomes the
 * owner, which stops new changes, and begins when those under way have ended. Either side writes its own word before it
 * reads the other's, all volatile, so at least one sees the other. Rewrites are for clients that don't keep to the block
 * size, which are rare; that they stop the others for their time is the price.
 *
 * <p>Nobody blocks: who is not let in is woken through {@link Pass#wake} and tries again.
 */
@ThreadSafe
final class WriteGate {
    private final List<Pass> passes = new CopyOnWriteArrayList<>();
    private final AtomicReference<Pass> owner = new AtomicReference<>();

    /** Returns a connection's way through. */
    Pass newPass(Runnable wake) {
        Pass pass = new Pass(wake);
        passes.add(pass);
        return pass;
    }

    private boolean isDrained() {
        for (Pass pass : passes) {
            if (pass.changes.get() > 0) {
                return false;
            }
        }
        return true;
    }

    /** One connection's way through the gate; its methods are called on that connection's loop. */
    @ThreadSafe
    final class Pass {
        private final Runnable wake;
        private final AtomicInteger changes = new AtomicInteger();
        private final AtomicBoolean waiting = new AtomicBoolean();
        /** Whether it owns the gate and waits for the changes under way; nobody else's end concerns it. */
        private volatile boolean draining;
        /** Whether this connection's rewrite has begun; used on its loop only. */
        private boolean rewriting;

        private Pass(Runnable wake) {
            this.wake = wake;
        }

        /** Lets an ordinary change in; returns false when it must wait to be woken. */
        boolean enter() {
            changes.incrementAndGet();
            if (owner.get() == null) {
                return true;
            }
            leave();
            waiting.set(true);
            return owner.get() == null && waiting.compareAndSet(true, false) && enter();
        }

        /** An ordinary change has ended. */
        void leave() {
            if (changes.decrementAndGet() == 0) {
                Pass first = owner.get();
                if (first != null && first.draining) {
                    first.wake.run();
                }
            }
        }

        /** Lets a rewrite in, alone; returns false when it must wait to be woken. */
        @SuppressWarnings("ReferenceEquality") // passes are identities
        boolean enterAlone() {
            if (rewriting) {
                return false;
            }
            if (owner.get() != this && !owner.compareAndSet(null, this)) {
                waiting.set(true);
                return owner.get() == null && waiting.compareAndSet(true, false) && enterAlone();
            }
            draining = true;
            rewriting = isDrained();
            draining = !rewriting;
            return rewriting;
        }

        /** Returns whether it will be woken. */
        @SuppressWarnings("ReferenceEquality") // passes are identities
        boolean isWaiting() {
            return waiting.get() || owner.get() == this;
        }

        /** The rewrite has ended. */
        void leaveAlone() {
            rewriting = false;
            draining = false;
            owner.set(null);
            for (Pass pass : passes) {
                if (pass.waiting.compareAndSet(true, false)) {
                    pass.wake.run();
                }
            }
        }

        /** The connection has ended, and nothing of it is under way. */
        @SuppressWarnings("ReferenceEquality") // passes are identities
        void close() {
            passes.remove(this);
            if (owner.get() == this) {
                leaveAlone();
            }
        }

        /** Gives up waiting to begin a rewrite; without effect on one that has begun. */
        @SuppressWarnings("ReferenceEquality") // passes are identities
        void giveUp() {
            if (!rewriting && owner.get() == this) {
                leaveAlone();
            }
        }
    }
}
