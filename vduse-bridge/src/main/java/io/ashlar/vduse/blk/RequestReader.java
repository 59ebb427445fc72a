package io.ashlar.vduse.blk;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.ScatterList;
import io.ashlar.base.status.Status;
import io.ashlar.vduse.vring.DescriptorChain;
import io.ashlar.vduse.vring.MemoryMap;
import io.ashlar.vduse.vring.VringFault;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * Turns a descriptor chain into a request, wherever the driver has split it into descriptors (virtio 1.2, 5.2.6 and 2.7.4).
 *
 * <pre>
 *   readable: u32 type | u32 ioprio (ignored) | u64 sector | data of OUT, ranges of DISCARD and WRITE_ZEROES
 *   writable: data of IN and GET_ID | u8 status
 *   range   : u64 sector | u32 num_sectors | u32 flags (1 = unmap)                             little-endian
 * </pre>
 *
 * The one validation of range, alignment and read-only happens here.
 */
@ConfinedTo(LoopKind.DATA)
final class RequestReader {
    /** What to do with a chain that has been read. */
    enum Verdict {
        /** The request is ready for the block queue. */
        SUBMIT,
        /** The request has its {@link #answer()} already. */
        ANSWER,
        /** No request can be made out; the queue breaks with {@link #fault()}. */
        BREAK
    }

    /** VIRTIO_BLK_T_*. */
    private static final int IN = 0;

    private static final int OUT = 1;
    private static final int FLUSH = 4;
    private static final int GET_ID = 8;
    private static final int DISCARD = 11;
    private static final int WRITE_ZEROES = 13;

    private static final int HEADER_BYTES = 16;
    private static final int SECTOR_OFFSET = 8;
    private static final int RANGE_BYTES = 16;
    private static final int RANGE_COUNT_OFFSET = 8;
    private static final int RANGE_FLAGS_OFFSET = 12;
    private static final int RANGE_UNMAP = 1;
    private static final long SECTOR_MAX = BlockGeometry.SIZE_BYTES_MAX >> BlockGeometry.SECTOR_SHIFT;

    private final MemoryMap memory;
    private final int requestBytesMax;
    private final ByteBuf serial;
    private final ByteBuf bytes = Unpooled.wrappedBuffer(new byte[VirtioBlkConfig.RANGES_MAX * RANGE_BYTES]);
    private final ScatterList place;
    private VirtioBlkStatus answer;
    private VringFault fault;

    /** Creates a reader for chains of at most {@code descriptorsMax} descriptors. */
    RequestReader(VirtioBlkConfig config, MemoryMap memory, int descriptorsMax) {
        this.memory = memory;
        requestBytesMax = config.requestBytesMax();
        serial = Unpooled.wrappedBuffer(config.serialBytes());
        // What is read here is short: no descriptor of it crosses more than one window edge.
        place = new ScatterList(2 * descriptorsMax);
    }

    /** Returns the answer to the request read last, after {@link Verdict#ANSWER}. */
    VirtioBlkStatus answer() {
        return answer;
    }

    /** Returns what is wrong with the chain read last, after {@link Verdict#BREAK}. */
    VringFault fault() {
        return fault;
    }

    /** Reads the chain into the request. */
    Verdict read(DescriptorChain chain, VirtioBlkRequest request, BlockGeometry geometry) {
        if (chain.readableBytes() < HEADER_BYTES) {
            return breaking(VringFault.HEADER_MISSING);
        }
        if (chain.writableBytes() == 0) {
            return breaking(VringFault.STATUS_MISSING);
        }
        if (!request.begin(chain, memory) || !copy(chain, 0, HEADER_BYTES)) {
            return breaking(VringFault.ADDRESS_NOT_MAPPED);
        }
        long offsetBytes = offsetBytes(bytes.getLongLE(SECTOR_OFFSET));
        int type = bytes.getIntLE(0);
        request.kind = kindOf(type);
        return switch (type) {
            case IN -> in(chain, request, geometry, offsetBytes);
            case OUT -> out(chain, request, geometry, offsetBytes);
            case FLUSH -> flush(request);
            case GET_ID -> getId(chain, request);
            case DISCARD -> ranges(Operation.DISCARD, chain, request, geometry);
            case WRITE_ZEROES -> ranges(Operation.WRITE_ZEROES, chain, request, geometry);
            default -> answering(VirtioBlkStatus.UNSUPP);
        };
    }

    private static RequestKind kindOf(int type) {
        return switch (type) {
            case IN -> RequestKind.READ;
            case OUT -> RequestKind.WRITE;
            case FLUSH -> RequestKind.FLUSH;
            case DISCARD -> RequestKind.DISCARD;
            case WRITE_ZEROES -> RequestKind.WRITE_ZEROES;
            default -> RequestKind.OTHER;
        };
    }

    private Verdict in(DescriptorChain chain, VirtioBlkRequest request, BlockGeometry geometry, long offsetBytes) {
        long lengthBytes = chain.writableBytes() - 1;
        request.set(Operation.READ, offsetBytes, lengthBytes, 0);
        if (lengthBytes > requestBytesMax || geometry.validate(request) != Status.OK) {
            return answering(VirtioBlkStatus.IOERR);
        }
        request.setWrittenBytes((int) lengthBytes);
        return withData(request, chain.gather(true, 0, lengthBytes, memory, request.memory()));
    }

    private Verdict out(DescriptorChain chain, VirtioBlkRequest request, BlockGeometry geometry, long offsetBytes) {
        long lengthBytes = chain.readableBytes() - HEADER_BYTES;
        request.set(Operation.WRITE, offsetBytes, lengthBytes, 0);
        if (lengthBytes > requestBytesMax || geometry.validate(request) != Status.OK) {
            return answering(VirtioBlkStatus.IOERR);
        }
        return withData(request, chain.gather(false, HEADER_BYTES, lengthBytes, memory, request.memory()));
    }

    /** A chain with more segments than were offered is a mistake that can be answered, a false address is not. */
    private Verdict withData(VirtioBlkRequest request, boolean gathered) {
        if (!gathered) {
            return request.memory().isFull()
                    ? answering(VirtioBlkStatus.IOERR)
                    : breaking(VringFault.ADDRESS_NOT_MAPPED);
        }
        request.setData(request.operation(), request.offsetBytes(), request.memory(), 0);
        return Verdict.SUBMIT;
    }

    private static Verdict flush(VirtioBlkRequest request) {
        request.set(Operation.FLUSH, 0, 0, 0);
        return Verdict.SUBMIT;
    }

    /** Answers at once with as much of the serial as there is room for. */
    private Verdict getId(DescriptorChain chain, VirtioBlkRequest request) {
        int lengthBytes = (int) Math.min(chain.writableBytes() - 1, VirtioBlkConfig.SERIAL_BYTES);
        if (!chain.gather(true, 0, lengthBytes, memory, request.memory())) {
            return request.memory().isFull()
                    ? answering(VirtioBlkStatus.IOERR)
                    : breaking(VringFault.ADDRESS_NOT_MAPPED);
        }
        if (lengthBytes > 0) {
            request.memory().copyIn(0, serial, 0, lengthBytes);
        }
        request.setWrittenBytes(lengthBytes);
        return answering(VirtioBlkStatus.OK);
    }

    private Verdict ranges(
            Operation operation, DescriptorChain chain, VirtioBlkRequest request, BlockGeometry geometry) {
        long lengthBytes = chain.readableBytes() - HEADER_BYTES;
        if (lengthBytes == 0 || lengthBytes % RANGE_BYTES != 0 || lengthBytes > bytes.capacity()) {
            return answering(VirtioBlkStatus.IOERR);
        }
        if (!copy(chain, HEADER_BYTES, (int) lengthBytes)) {
            return breaking(VringFault.ADDRESS_NOT_MAPPED);
        }
        VirtioBlkStatus wrong = null;
        for (int at = 0; at < lengthBytes; at += RANGE_BYTES) {
            int flags = bytes.getIntLE(at + RANGE_FLAGS_OFFSET);
            // virtio 1.2, 5.2.6.2: unknown flags, and unmap on a discard, are not supported
            if ((flags & ~RANGE_UNMAP) != 0 || (flags != 0 && operation == Operation.DISCARD)) {
                return answering(VirtioBlkStatus.UNSUPP);
            }
            long rangeBytes = bytes.getUnsignedIntLE(at + RANGE_COUNT_OFFSET) << BlockGeometry.SECTOR_SHIFT;
            long offsetBytes = offsetBytes(bytes.getLongLE(at));
            request.set(operation, offsetBytes, rangeBytes, 0);
            if (rangeBytes > VirtioBlkConfig.RANGE_BYTES_MAX || geometry.validate(request) != Status.OK) {
                wrong = VirtioBlkStatus.IOERR;
            }
            request.addRange(offsetBytes, rangeBytes, flags != 0 ? BlockRequest.UNMAP : 0);
        }
        if (wrong != null) {
            return answering(wrong);
        }
        request.nextRange();
        return Verdict.SUBMIT;
    }

    /** Copies some of the readable bytes to {@link #bytes}; returns false if they are not mapped. */
    private boolean copy(DescriptorChain chain, int from, int lengthBytes) {
        place.clear();
        if (!chain.gather(false, from, lengthBytes, memory, place)) {
            return false;
        }
        place.copyOut(0, bytes, 0, lengthBytes);
        return true;
    }

    /** Returns the offset of a sector; beyond any volume if it has none. */
    private static long offsetBytes(long sector512) {
        return sector512 < 0 || sector512 > SECTOR_MAX ? Long.MAX_VALUE : sector512 << BlockGeometry.SECTOR_SHIFT;
    }

    private Verdict answering(VirtioBlkStatus status) {
        answer = status;
        return Verdict.ANSWER;
    }

    private Verdict breaking(VringFault reason) {
        fault = reason;
        return Verdict.BREAK;
    }
}
