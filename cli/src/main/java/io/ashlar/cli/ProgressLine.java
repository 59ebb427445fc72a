package io.ashlar.cli;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.time.Clock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** One line on standard error that is written over, for long work; silent where nobody looks (no terminal, or JSON). */
@ThreadSafe
final class ProgressLine implements AutoCloseable {
    private static final long INTERVAL_NS = TimeUnit.MILLISECONDS.toNanos(200);

    private static final Path STANDARD_ERROR = Path.of("/proc/self/fd/2");

    private final Output output;
    private final boolean visible;
    private long shownNs;
    private int width;

    ProgressLine(Output output) {
        this.output = output;
        visible = isTerminal() && !output.isJson();
        shownNs = Clock.SYSTEM.nowNs() - INTERVAL_NS;
    }

    /** Asks the kernel, because System.console() means something else from JDK 22 on. */
    private static boolean isTerminal() {
        try {
            String target = Files.readSymbolicLink(STANDARD_ERROR).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
        } catch (IOException e) {
            return false;
        }
    }

    /** Shows the text, at most five times a second. */
    void show(String text) {
        show(() -> text);
    }

    /** Shows the text, at most five times a second; it is not put together in between. */
    synchronized void show(Supplier<String> text) {
        long now = Clock.SYSTEM.nowNs();
        if (visible && now - shownNs >= INTERVAL_NS) {
            shownNs = now;
            write(text.get());
        }
    }

    private void write(String text) {
        output.err().print("\r" + text + " ".repeat(Math.max(0, width - text.length())));
        output.err().flush();
        width = text.length();
    }

    /** Wipes the line. */
    @Override
    public synchronized void close() {
        if (width > 0) {
            write("");
            output.err().print("\r");
            output.err().flush();
        }
    }
}
