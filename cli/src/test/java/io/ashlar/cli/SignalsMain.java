package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.util.concurrent.CountDownLatch;

/** A daemon that does nothing, and takes for ever to stop. */
@ConfinedTo(LoopKind.OWNER)
final class SignalsMain {
    private SignalsMain() {}

    public static void main(String[] args) throws InterruptedException {
        Signals signals = Signals.take();
        System.out.println("up");
        signals.awaitStop(0);
        System.out.println("stopping");
        new CountDownLatch(1).await();
    }
}
