package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Calls back once everything expected has arrived, with what was brought; at once if nothing was expected. */
@ConfinedTo(LoopKind.CONTROL)
public final class Countdown<T> {
    private final List<T> brought = new ArrayList<>();
    private final Consumer<List<T>> whenComplete;
    /** One for {@link #armed}, so that arrivals before it complete nothing. */
    private int missing = 1;

    /** Creates one that expects nothing yet. */
    public Countdown(Consumer<List<T>> whenComplete) {
        this.whenComplete = whenComplete;
    }

    /** Expects one more arrival. */
    public void expect() {
        missing++;
    }

    /** One has arrived, and brought something or null. */
    public void arrived(T value) {
        if (value != null) {
            brought.add(value);
        }
        if (--missing == 0) {
            whenComplete.accept(brought);
        }
    }

    /** Everything expected has been said. */
    public void armed() {
        arrived(null);
    }
}
