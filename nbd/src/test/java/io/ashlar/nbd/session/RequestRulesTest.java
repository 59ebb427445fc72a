package io.ashlar.nbd.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.nbd.handshake.Terms;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.CommandFlags;
import io.ashlar.nbd.wire.NbdError;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RequestRulesTest {
    private static final long SIZE = 1 << 30;
    private static final BlockGeometry GEOMETRY = new BlockGeometry(SIZE, 4096, false);
    private static final Terms ALL = new Terms(true, true, true);

    @ParameterizedTest
    @CsvSource({
        "READ,0,0,4096,NONE",
        "READ,0,1073737728,4096,NONE",
        "READ,0,1073741824,4096,EINVAL",
        "READ,0,1073737728,8192,EINVAL",
        "READ,0,-4096,4096,EINVAL",
        "READ,0,512,4096,EINVAL",
        "READ,0,0,33554432,NONE",
        "READ,0,0,33558528,EINVAL",
        "READ,4,0,65536,NONE",
        "READ,4,0,1048576,EOVERFLOW",
        "READ,2,0,4096,EINVAL",
        "READ,1,0,4096,NONE",
        "WRITE,1,0,4096,NONE",
        "WRITE,0,1073737728,8192,ENOSPC",
        "WRITE,0,0,33558528,EINVAL",
        "WRITE,4,0,4096,EINVAL",
        "WRITE,32,0,4096,EINVAL",
        "WRITE_ZEROES,18,0,4096,ENOTSUP",
        "WRITE_ZEROES,17,0,4096,NONE",
        "WRITE_ZEROES,2,0,1073741824,NONE",
        "WRITE_ZEROES,0,4096,1073741824,ENOSPC",
        "TRIM,0,4096,1073741824,EINVAL",
        "TRIM,1,4096,4096,NONE",
        "FLUSH,0,17,17,NONE",
        "CACHE,0,0,4096,NONE",
        "BLOCK_STATUS,8,0,4096,NONE",
        "BLOCK_STATUS,8,0,0,EINVAL",
    })
    void shouldAnswerAsTheProtocolSays(Command command, int flags, long offset, long length, NbdError error) {
        assertThat(RequestRules.check(command, flags, offset, length, GEOMETRY, false, ALL))
                .isEqualTo(error);
    }

    @ParameterizedTest
    @CsvSource({"READ,NONE", "WRITE,EPERM", "TRIM,EPERM", "WRITE_ZEROES,EPERM", "FLUSH,NONE"})
    void shouldRefuseChangesWhenReadOnly(Command command, NbdError error) {
        assertThat(RequestRules.check(command, 0, 0, 4096, GEOMETRY, true, ALL)).isEqualTo(error);
    }

    @Property
    void shouldLetNothingBeyondTheEndThrough(
            @ForAll Command command,
            @ForAll @IntRange(max = 63) int flags,
            @ForAll long offset,
            @ForAll @LongRange(max = 0xFFFF_FFFFL) long length,
            @ForAll boolean blockSizes) {
        NbdError error =
                RequestRules.check(command, flags, offset, length, GEOMETRY, false, new Terms(true, true, blockSizes));
        if (error == NbdError.NONE && command.hasRange()) {
            assertThat(offset).isBetween(0L, SIZE);
            assertThat(offset + length).isLessThanOrEqualTo(SIZE);
            assertThat(!blockSizes || (offset | length) % 4096 == 0).isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({"READ,4", "BLOCK_STATUS,0"})
    void shouldRefuseWhatWasNotAgreedOn(Command command, int flags) {
        Terms plain = new Terms(false, false, false);
        assertThat(RequestRules.check(command, flags, 0, 4096, GEOMETRY, false, plain))
                .isEqualTo(NbdError.EINVAL);
        assertThat(RequestRules.check(null, 0, 0, 0, GEOMETRY, false, plain)).isEqualTo(NbdError.EINVAL);
        assertThat(RequestRules.check(Command.READ, 0, 1, 1, GEOMETRY, false, plain))
                .isEqualTo(NbdError.NONE);
        assertThat(CommandFlags.REQ_ONE).isEqualTo(8);
    }
}
