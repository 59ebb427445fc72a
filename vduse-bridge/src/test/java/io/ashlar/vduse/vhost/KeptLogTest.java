package io.ashlar.vduse.vhost;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.sys.Linux;
import io.ashlar.vduse.inflight.DeviceIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A log of requests in flight in a front end's file. */
@Timeout(120)
class KeptLogTest {
    private static final String FILE = "log-of-a-front-end";

    private final EpollLoops controls = EpollLoops.floating("control", 1);
    private final EpollLoop control = controls.all().get(0);

    @AfterEach
    void end() {
        controls.close();
    }

    private static int file(DeviceIdentity identity) {
        int fd = Linux.memoryFile(FILE);
        int length = KeptLog.bytes(identity);
        Linux.truncate(fd, length);
        Linux.sealAgainstShrinking(fd);
        long address = Linux.mapShared(fd, length, 0, true);
        Linux.wrapNio(address, length).put(length - DeviceIdentity.BYTES, identity.toBytes());
        Linux.unmap(address, length);
        return fd;
    }

    private static long mappings() throws IOException {
        try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.filter(line -> line.contains(FILE)).count();
        }
    }

    /** The control loop, which serves all devices, would free a file of any size otherwise. */
    @Test
    void shouldLeaveItToTheCloserToUnmapAFileThatNobodyElseMayHaveAnyMore() throws Exception {
        List<Runnable> threads = new ArrayList<>();
        DeviceIdentity identity = new DeviceIdentity(new UUID(1, 2), "ashlar-test", 0, 2, 64, 1);
        int fd = file(identity);
        KeptLog log = control.eventLoop()
                .submit(() -> KeptLog.open(identity, KeptLog.bytes(identity), 0, fd, new Closer(control, threads::add)))
                .get();
        Linux.close(fd);
        assertThat(mappings()).isEqualTo(1);
        control.eventLoop().submit(log::close).get();
        assertThat(mappings()).isEqualTo(1);
        assertThat(threads).hasSize(1);
        threads.get(0).run();
        assertThat(mappings()).isZero();
    }
}
