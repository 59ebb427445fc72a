package io.ashlar.nbd.session;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.nbd.handshake.Terms;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.CommandFlags;
import io.ashlar.nbd.wire.NbdError;
import io.ashlar.nbd.wire.Wire;

/** What a request must obey: the one validation. The errors are those that "doc/proto.md" names for each case. */
@Immutable
final class RequestRules {
    private RequestRules() {}

    /**
     * Checks a request.
     *
     * @param command null where it is unknown
     * @return NONE, or why it is refused
     */
    static NbdError check(
            Command command,
            int flags,
            long offset,
            long length,
            BlockGeometry geometry,
            boolean readOnly,
            Terms terms) {
        if (command == null || !command.mayHave(flags) || ((flags & CommandFlags.DF) != 0 && !terms.structured())) {
            return NbdError.EINVAL;
        }
        if (command.changes() && readOnly) {
            return NbdError.EPERM;
        }
        if (!command.hasRange()) {
            return NbdError.NONE;
        }
        long size = geometry.sizeBytes();
        if (offset < 0 || offset > size || length > size - offset) {
            boolean writes = command == Command.WRITE || command == Command.WRITE_ZEROES;
            return writes ? NbdError.ENOSPC : NbdError.EINVAL;
        }
        if (terms.blockSizes() && ((offset | length) & (geometry.logicalBlockBytes() - 1)) != 0) {
            return NbdError.EINVAL;
        }
        return checkOwn(command, flags, length, terms);
    }

    private static NbdError checkOwn(Command command, int flags, long length, Terms terms) {
        return switch (command) {
            case READ ->
                length > Wire.PAYLOAD_BYTES_MAX
                        ? NbdError.EINVAL
                        : (flags & CommandFlags.DF) != 0 && length > NbdLimits.PIECE_BYTES
                                ? NbdError.EOVERFLOW
                                : NbdError.NONE;
            case WRITE -> length > Wire.PAYLOAD_BYTES_MAX ? NbdError.EINVAL : NbdError.NONE;
            // What is not deallocated may have to be written.
            case WRITE_ZEROES -> {
                int slow = CommandFlags.FAST_ZERO | CommandFlags.NO_HOLE;
                yield (flags & slow) == slow ? NbdError.ENOTSUP : NbdError.NONE;
            }
            case BLOCK_STATUS -> terms.allocation() && length > 0 ? NbdError.NONE : NbdError.EINVAL;
            default -> NbdError.NONE;
        };
    }
}
