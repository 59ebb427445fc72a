package io.ashlar.cli;

import io.ashlar.base.annotation.ThreadSafe;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * What a daemon does on signals: the first SIGTERM or SIGINT asks it to stop in order, the second ends it at once, SIGHUP
 * does nothing. Reached by reflection, because the compiler warns of {@code sun.misc.Signal}, which is the only way.
 */
@ThreadSafe
final class Signals {
    /** Exit code of a daemon that was told twice, as a shell has it for a process ended by SIGTERM. */
    private static final int TOLD_TWICE = 143;

    private final CountDownLatch asked = new CountDownLatch(1);

    /** Takes the signals over from the JVM. */
    static Signals take() {
        Signals signals = new Signals();
        signals.handle("TERM", signals::stop);
        signals.handle("INT", signals::stop);
        signals.handle("HUP", () -> {});
        return signals;
    }

    /** Waits until the daemon is asked to stop, and returns true; or, unless that is 0, for the time, and returns false. */
    boolean awaitStop(long timeoutNs) {
        try {
            return asked.await(timeoutNs == 0 ? Long.MAX_VALUE : timeoutNs, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    /** Returns whether the daemon has been asked to stop. */
    boolean isAsked() {
        return asked.getCount() == 0;
    }

    /** Asks the daemon to stop, as the first signal does. */
    void ask() {
        asked.countDown();
    }

    private void stop() {
        if (isAsked()) {
            Runtime.getRuntime().halt(TOLD_TWICE);
        }
        asked.countDown();
    }

    private void handle(String name, Runnable action) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object proxy = Proxy.newProxyInstance(
                    handler.getClassLoader(), new Class<?>[] {handler}, (self, method, arguments) -> {
                        if (method.getName().equals("handle")) {
                            action.run();
                        }
                        return null;
                    });
            Method register = signal.getMethod("handle", signal, handler);
            register.invoke(null, signal.getConstructor(String.class).newInstance(name), proxy);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("can't handle SIG" + name, e);
        }
    }
}
