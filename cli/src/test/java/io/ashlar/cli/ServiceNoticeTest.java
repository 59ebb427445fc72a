package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.sys.Linux;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What systemd gets to hear, on a socket of the test's own. */
class ServiceNoticeTest {
    private static final int AF_UNIX = 1;
    private static final int SOCK_DGRAM = 2;

    @TempDir
    Path folder;

    private final EpollLoops loops = EpollLoops.floating("loop", 2);
    private int socket;

    @BeforeEach
    void listen() {
        socket = Linux.socket(AF_UNIX, SOCK_DGRAM, 0);
        assertThat(Linux.bind(socket, address(path()))).isZero();
    }

    @AfterEach
    void close() {
        Linux.close(socket);
        loops.close();
    }

    private String path() {
        return folder.resolve("notify").toString();
    }

    private static byte[] address(String path) {
        byte[] text = path.getBytes(StandardCharsets.UTF_8);
        byte[] address = new byte[2 + text.length];
        address[0] = AF_UNIX;
        System.arraycopy(text, 0, address, 2, text.length);
        return address;
    }

    private String heard() {
        byte[] buffer = new byte[512];
        int length = (int) Linux.receive(socket, buffer, 0);
        return new String(buffer, 0, length, StandardCharsets.UTF_8);
    }

    @Test
    void shouldTellThatTheDaemonIsUpThenAliveThenStopping() {
        Map<String, String> environment = Map.of("NOTIFY_SOCKET", path(), "WATCHDOG_USEC", "4000000");
        try (ServiceNotice notice = ServiceNotice.of(environment, loops.all())) {
            notice.up("node is up:\nhere");
            assertThat(heard()).isEqualTo("READY=1\nSTATUS=node is up: here");
            int[] waits = {0};
            notice.watchUntil(ns -> {
                assertThat(ns).as("half the time").isEqualTo(2_000_000_000L);
                return waits[0]++ == 2;
            });
            assertThat(heard()).isEqualTo("WATCHDOG=1");
            assertThat(heard()).isEqualTo("WATCHDOG=1");
            notice.stopping();
            assertThat(heard()).isEqualTo("STOPPING=1");
        }
    }

    @Test
    void shouldSayWhoTheServiceIsFromNowOnAndNotThatItStopsWhenAnotherBridgeHasFollowed() {
        try (ServiceNotice notice = ServiceNotice.of(Map.of("NOTIFY_SOCKET", path()), loops.all())) {
            notice.watchUntil(ns -> true);
            notice.handedOver(4711);
            assertThat(heard()).isEqualTo("MAINPID=4711");
        }
    }

    @Test
    void shouldGiveNoSignOfLifeWhileALoopHangs() {
        CountDownLatch held = new CountDownLatch(1);
        loops.all().get(1).execute(() -> {
            try {
                held.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Map<String, String> environment = Map.of("NOTIFY_SOCKET", path(), "WATCHDOG_USEC", "1000");
        try (ServiceNotice notice = ServiceNotice.of(environment, loops.all())) {
            int[] waits = {0};
            notice.watchUntil(ns -> waits[0]++ == 3);
            notice.stopping();
            assertThat(heard()).isEqualTo("STOPPING=1");
        } finally {
            held.countDown();
        }
    }

    @Test
    void shouldWaitWithoutWatchdogWhenNoneIsAskedForOrItIsForAnotherProcess() {
        for (Map<String, String> environment : List.of(
                Map.of("NOTIFY_SOCKET", path()),
                Map.of("NOTIFY_SOCKET", path(), "WATCHDOG_USEC", "1000", "WATCHDOG_PID", "1"),
                Map.of("NOTIFY_SOCKET", path(), "WATCHDOG_USEC", "soon"))) {
            try (ServiceNotice notice = ServiceNotice.of(environment, loops.all())) {
                notice.watchUntil(ns -> ns == 0);
                notice.stopping();
                assertThat(heard()).isEqualTo("STOPPING=1");
            }
        }
    }

    @Test
    void shouldSayNothingWhenNobodyListens() {
        for (String path : List.of("", "relative", "/" + "x".repeat(200), "/nowhere/at/all")) {
            try (ServiceNotice notice = ServiceNotice.of(Map.of("NOTIFY_SOCKET", path), loops.all())) {
                notice.up("up");
                notice.watchUntil(ns -> true);
            }
        }
        assertThat(Linux.receive(socket, new byte[64], 0x40))
                .as("nothing arrived")
                .isNegative();
    }
}
