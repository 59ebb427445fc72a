package io.ashlar.vduse.vring;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.vring.SplitVirtqueue.Pop;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Driver and device on a thread each, on the real classes: each side goes to sleep only after it has asked to be woken and looked
 * once more, and the other side wakes it only if asked. A wake-up that is lost leaves both asleep for ever; the driver notices
 * that exactly, without a clock.
 *
 * <p>This is what {@link UsedRing#fence()} is for. Without its call in {@link SplitVirtqueue#enableKicks()} the test failed in rounds
 * 2,714 (event index) and 23,245 (flags), without that in {@link SplitVirtqueue#publish()} in rounds 20,545 and 13,820, on x86-64
 * with two CPUs:
 * {@code mvn -pl vduse-bridge -am test -Dtest=LostWakeupTest -Dsurefire.failIfNoSpecifiedTests=false}.
 */
class LostWakeupTest {
    private static final int NUM = 4;
    private static final long RINGS = 0x1000;

    private final GuestMemory guest = new GuestMemory(4096).region(RINGS, 2048, Access.READ_WRITE);
    private volatile boolean kicked;
    private volatile boolean called;
    private volatile boolean ended;
    private volatile boolean deviceAsleep;
    private volatile Throwable deviceFailure;
    private int sleeps;

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldLoseNoWakeup(boolean eventIdx) throws Exception {
        pingPong(eventIdx, 200_000);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @Tag("slow")
    void shouldLoseNoWakeupInTenMillionRounds(boolean eventIdx) throws Exception {
        pingPong(eventIdx, 10_000_000);
    }

    private void pingPong(boolean eventIdx, int rounds) throws Exception {
        DriverModel driver = new DriverModel(guest.at(RINGS), RINGS, NUM, eventIdx, 0);
        for (int i = 0; i < NUM; i++) {
            driver.descriptor(i, RINGS, 1, DriverModel.F_WRITE, 0);
        }
        SplitVirtqueue queue = new SplitVirtqueue(
                driver.layout(), new VringOptions(eventIdx, false), VringPosition.START, guest.map());
        Thread device = new Thread(() -> serve(queue), "device");
        device.start();
        try {
            drive(driver, rounds);
        } finally {
            ended = true;
            device.join();
        }
        assertThat(deviceFailure).isNull();
        assertThat(sleeps).as("times that the driver slept").isPositive();
    }

    private void drive(DriverModel driver, int rounds) {
        Random random = new Random(7);
        for (int round = 0; round < rounds; round++) {
            int count = 1 + (round & 1);
            for (int i = 0; i < count; i++) {
                driver.offer(driver.take());
            }
            if (driver.show()) {
                kicked = true;
            }
            int answered = 0;
            linger(random.nextInt(16));
            while (answered < count) {
                driver.disableCalls();
                while (driver.poll()) {
                    answered++;
                }
                if (answered < count && !driver.enableCalls()) {
                    sleep(round);
                }
            }
        }
    }

    private void sleep(int round) {
        sleeps++;
        for (int looks = 0; !called; looks++) {
            // In this order: nobody but this thread sets kicked, and the device sets called before it sleeps.
            boolean deviceNotKicked = !kicked;
            if (deviceNotKicked && deviceAsleep && !called) {
                throw new AssertionError("both asleep in round " + round);
            }
            assertThat(deviceFailure).isNull();
            relax(looks);
        }
        called = false;
    }

    private void serve(SplitVirtqueue queue) {
        try {
            Random random = new Random(8);
            DescriptorChain chain = queue.newChain();
            while (!ended) {
                queue.disableKicks();
                while (queue.pop(chain) == Pop.CHAIN) {
                    queue.push(chain.head(), 1);
                }
                if (queue.publish()) {
                    called = true;
                }
                linger(random.nextInt(16));
                if (random.nextBoolean() && queue.isOffered()) {
                    continue; // as a loop that is awake
                }
                if (!queue.enableKicks()) {
                    deviceAsleep = true;
                    for (int looks = 0; !kicked && !ended; looks++) {
                        relax(looks);
                    }
                    deviceAsleep = false; // before the kick is consumed: see sleep()
                    kicked = false;
                }
                if (queue.fault() != null) {
                    throw new AssertionError("broken: " + queue.fault());
                }
            }
        } catch (Throwable e) {
            deviceFailure = e;
        }
    }

    /** Shifts the two threads against each other. */
    private static void linger(int turns) {
        for (int i = 0; i < turns; i++) {
            Thread.onSpinWait();
        }
    }

    private static void relax(int looks) {
        if ((looks & 0xFFF) == 0xFFF) {
            LockSupport.parkNanos(1); // gives way where there are fewer CPUs than threads
        } else {
            Thread.onSpinWait();
        }
    }
}
