package io.ashlar.nbd.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.CommandFlags;
import io.ashlar.nbd.wire.NbdError;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What reaches the device of a client's requests: the operation, its range, and the flags that must not be lost. */
class DeviceRequestsTest {
    private static final int SIZE = 4 << 20;
    private static final byte[] NOTHING = new byte[0];

    private static String text(RecordingDevice.Seen seen) {
        return seen.operation() + " " + seen.offset() + " " + seen.length() + (seen.fua() ? " FUA" : "")
                + (seen.unmap() ? " UNMAP" : "");
    }

    private static int flags(String names) throws ReflectiveOperationException {
        int flags = 0;
        for (String name : names.split(" ", -1)) {
            flags |= CommandFlags.class.getField(name).getInt(null);
        }
        return flags;
    }

    /** A flag that the device has none for changes nothing; a part of a block is read and written back. */
    @ParameterizedTest
    @CsvSource({
        "WRITE,,              4096,4096,  WRITE 4096 4096",
        "WRITE,FUA,           4096,4096,  WRITE 4096 4096 FUA",
        "WRITE,,              0,300000,   WRITE 0 262144; READ 262144 40960; WRITE 262144 40960",
        "WRITE,FUA,           0,524288,   WRITE 0 262144 FUA; WRITE 262144 262144 FUA",
        "WRITE,FUA,           5000,10,    READ 4096 4096; WRITE 4096 4096 FUA",
        "WRITE_ZEROES,,                 4096,8192,  WRITE_ZEROES 4096 8192 UNMAP",
        "WRITE_ZEROES,NO_HOLE,          4096,8192,  WRITE_ZEROES 4096 8192",
        "WRITE_ZEROES,FUA,              4096,8192,  WRITE_ZEROES 4096 8192 FUA UNMAP",
        "WRITE_ZEROES,FUA NO_HOLE,      4096,8192,  WRITE_ZEROES 4096 8192 FUA",
        "WRITE_ZEROES,FAST_ZERO,        4096,8192,  WRITE_ZEROES 4096 8192 UNMAP",
        "WRITE_ZEROES,FUA FAST_ZERO,    0,4194304,  WRITE_ZEROES 0 4194304 FUA UNMAP",
        "WRITE_ZEROES,,        4000,4300, READ 0 4096; WRITE 0 4096; WRITE_ZEROES 4096 4096 UNMAP; READ 8192 4096; WRITE 8192 4096",
        "WRITE_ZEROES,FUA NO_HOLE, 4000,4192, READ 0 4096; WRITE 0 4096 FUA; WRITE_ZEROES 4096 4096 FUA",
        "TRIM,,               4096,8192,  DISCARD 4096 8192",
        "TRIM,FUA,            4096,8192,  DISCARD 4096 8192 FUA",
        "TRIM,FUA,            4000,8292,  DISCARD 4096 8192 FUA",
        "TRIM,FUA,            4000,8000,  DISCARD 4096 4096 FUA",
        "TRIM,FUA,            4000,4000,  ",
        "FLUSH,,              0,0,        FLUSH 0 0",
        "FLUSH,FUA,           0,0,        FLUSH 0 0",
        "CACHE,,              4096,8192,  ",
        "CACHE,FUA,           0,4194304,  ",
        "WRITE_ZEROES,,       4096,0,     ",
    })
    void shouldReachTheDeviceWithItsFlags(Command command, String names, long offset, int length, String expected)
            throws Exception {
        RecordingDevice device = new RecordingDevice(SIZE, 4096);
        try (Served served = Served.of(device);
                RawNbd client = RawNbd.old(served)) {
            byte[] data = command == Command.WRITE ? new byte[length] : NOTHING;
            assertThat(client.ask(command, names == null ? 0 : flags(names), offset, length, data))
                    .isZero();
            assertThat(device.seen().stream().map(DeviceRequestsTest::text))
                    .containsExactly(expected == null ? new String[0] : expected.split("; ", -1));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "WRITE_ZEROES, FAST_ZERO NO_HOLE,     0,       4096, ENOTSUP",
        "WRITE_ZEROES, FUA FAST_ZERO NO_HOLE, 100,     4096, ENOTSUP",
        "WRITE_ZEROES, NO_HOLE,               4190208, 8192, ENOSPC",
        "TRIM,         FUA,                   4190208, 8192, EINVAL",
        "TRIM,         NO_HOLE,               0,       4096, EINVAL",
        "CACHE,        FUA,                   4190208, 8192, EINVAL",
    })
    void shouldNotReachTheDeviceWhenRefused(Command command, String names, long offset, int length, NbdError error)
            throws Exception {
        RecordingDevice device = new RecordingDevice(SIZE, 4096);
        try (Served served = Served.of(device);
                RawNbd client = RawNbd.old(served)) {
            assertThat(client.ask(command, flags(names), offset, length, NOTHING))
                    .isEqualTo(error.code());
            assertThat(device.seen()).isEmpty();
        }
    }
}
