package io.ashlar.client.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.Operation;
import io.ashlar.base.block.TestRequest;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class VolumeLogTest {
    private final List<String> lines = new ArrayList<>();
    private long nowNs = TimeUnit.DAYS.toNanos(1);
    private final VolumeLog log = new VolumeLog(
            "db",
            "10.0.0.1:7440",
            new Clock() {
                @Override
                public long nowNs() {
                    return nowNs;
                }

                @Override
                public long wallMs() {
                    return 0;
                }
            },
            lines::add);

    private static TestRequest zeroes() {
        return TestRequest.of(Operation.WRITE_ZEROES, 8192, 4096, 0);
    }

    private void pass(int seconds) {
        nowNs += TimeUnit.SECONDS.toNanos(seconds);
    }

    @Test
    void shouldSayWhichRequestTheConnectionBreaksOver() {
        log.lostAgain(5, zeroes());
        log.refused(zeroes(), Status.MALFORMED);
        assertThat(lines)
                .containsExactly(
                        "volume db: the connection to node 10.0.0.1:7440 broke 5 times in a row before a write-zeroes of"
                                + " 4096 bytes at 8192 was answered; it is sent again and waits",
                        "volume db: node 10.0.0.1:7440 gave the connection up over a write-zeroes of 4096 bytes at 8192"
                                + " (malformed frame); it fails with an I/O error");
    }

    @Test
    void shouldSayOnceAMinuteWhyTheNodeCanNotServeTheVolume() {
        for (int i = 0; i < 90; i++) {
            log.cannotServe("the volume catalogue can't be written");
            pass(1);
        }
        assertThat(lines)
                .hasSize(2)
                .containsOnly(
                        "volume db: node 10.0.0.1:7440 can't serve it for now: the volume catalogue can't be written;"
                                + " requests wait");
    }

    @Test
    void shouldSayOnceAMinuteHowLongTheOldestRequestWaits() {
        for (int second = 0; second < 150; second++) {
            log.waits(TimeUnit.SECONDS.toNanos(second));
            pass(1);
        }
        assertThat(lines)
                .containsExactly(
                        "volume db: oldest request waits 10 s for node 10.0.0.1:7440",
                        "volume db: oldest request waits 70 s for node 10.0.0.1:7440",
                        "volume db: oldest request waits 130 s for node 10.0.0.1:7440");
    }

    @Test
    void shouldWriteALineOfAKindOnlyOnceAMinute() {
        for (int i = 0; i < 120; i++) {
            log.lostAgain(5 + i, zeroes());
            pass(1);
        }
        assertThat(lines).hasSize(2);
        assertThat(lines.get(1)).contains("broke 65 times");
    }
}
