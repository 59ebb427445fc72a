package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * One message of the vhost-user protocol where it was received, or where its answer is put together ("Message
 * specification"); numbers are in the machine's byte order, which is little-endian on all that are supported.
 *
 * <pre>
 *   0 u32 request | 4 u32 flags (version 1 in bits 0-1, 4 = reply, 8 = reply wanted) | 8 u32 size | 12 payload
 *   u64            : 0 u64 value
 *   vring state    : 0 u32 index | 4 u32 num
 *   vring address  : 0 u32 index | 4 u32 flags | 8 descriptors | 16 used ring | 24 available ring | 32 log
 *   memory regions : 0 u32 count | 4 unused | 8 regions, 32 bytes each;  one region: 0 unused | 8 region
 *   region         : 0 guest address | 8 size | 16 user address | 24 offset in the file
 *   inflight       : 0 size | 8 offset in the file | 16 u16 queues | 18 u16 ring size
 *   configuration  : 0 u32 offset | 4 u32 size | 8 u32 flags | 12 bytes
 * </pre>
 *
 * Its bytes are hostile: {@link #fault()} comes before everything else, and bounds all that is read later.
 */
@ConfinedTo(LoopKind.CONTROL)
final class VhostMessage {
    static final int HEADER_BYTES = 12;
    /** The specification's bound for a memory table. */
    static final int REGIONS_MAX = 8;

    static final int REGION_BYTES = 32;
    /** The specification's bound for the configuration space. */
    static final int CONFIG_BYTES_MAX = 256;

    private static final int CONFIG_HEADER_BYTES = 12;
    /** The longest payloads are a full memory table and a full configuration space, 264 and 268 bytes. */
    private static final int PAYLOAD_BYTES_MAX = 512;

    private static final int VERSION_MASK = 3;
    private static final int VERSION = 1;
    private static final int REPLY = 4;
    private static final int NEED_REPLY = 8;
    private static final int RING_INDEX_MASK = 0xFF;
    private static final int NO_DESCRIPTOR = 0x100;

    private final ByteBuf bytes = Unpooled.directBuffer(HEADER_BYTES + PAYLOAD_BYTES_MAX);

    /** Returns the memory to receive into, or to send from. */
    ByteBuf bytes() {
        return bytes;
    }

    void clear() {
        bytes.clear();
    }

    /** Returns how many bytes are missing to the message; 0 when it is there. Its header is checked as soon as it is. */
    int missingBytes() {
        int present = bytes.writerIndex();
        return present < HEADER_BYTES ? HEADER_BYTES - present : HEADER_BYTES + payloadBytes() - present;
    }

    /** Returns what is wrong with the header, once it is there, or null. */
    String fault() {
        if (bytes.writerIndex() < HEADER_BYTES) {
            return null;
        }
        int flags = bytes.getIntLE(4);
        if ((flags & VERSION_MASK) != VERSION) {
            return "version " + (flags & VERSION_MASK) + " of the protocol";
        }
        if ((flags & REPLY) != 0) {
            return "a reply to nothing";
        }
        if (payloadBytes() < 0 || payloadBytes() > PAYLOAD_BYTES_MAX) {
            return "a payload of " + Integer.toUnsignedString(payloadBytes()) + " bytes";
        }
        VhostRequest request = request();
        if (request == null) {
            return "request " + Integer.toUnsignedString(number()) + ", which is not offered";
        }
        return payloadBytes() < request.payloadBytesMin() || payloadBytes() < neededBytes(request)
                ? request + " of " + payloadBytes() + " bytes"
                : null;
    }

    /** Returns the payload that a request with lists in it needs, as far as that has been received. */
    private int neededBytes(VhostRequest request) {
        if (bytes.writerIndex() < HEADER_BYTES + request.payloadBytesMin()) {
            return 0;
        }
        return switch (request) {
            case SET_MEM_TABLE ->
                Integer.compareUnsigned(regionCount(), REGIONS_MAX) > 0
                        ? Integer.MAX_VALUE
                        : 8 + regionCount() * REGION_BYTES;
            case GET_CONFIG, SET_CONFIG ->
                Integer.compareUnsigned(configBytes(), CONFIG_BYTES_MAX) > 0
                        ? Integer.MAX_VALUE
                        : CONFIG_HEADER_BYTES + configBytes();
            default -> 0;
        };
    }

    private int number() {
        return bytes.getIntLE(0);
    }

    /** Returns what is asked, or null. */
    VhostRequest request() {
        return VhostRequest.of(number());
    }

    boolean needsReply() {
        return (bytes.getIntLE(4) & NEED_REPLY) != 0;
    }

    int payloadBytes() {
        return bytes.getIntLE(8);
    }

    private long u64(int offset) {
        return bytes.getLongLE(HEADER_BYTES + offset);
    }

    private int u32(int offset) {
        return bytes.getIntLE(HEADER_BYTES + offset);
    }

    long value() {
        return u64(0);
    }

    /** Returns the ring that a kick, call or error descriptor is for. */
    int descriptorRing() {
        return (int) value() & RING_INDEX_MASK;
    }

    /** Returns whether a kick, call or error descriptor is taken away: the ring is polled then. */
    boolean isWithoutDescriptor() {
        return (value() & NO_DESCRIPTOR) != 0;
    }

    /** Returns the ring of a vring state or address; unsigned. */
    int ring() {
        return u32(0);
    }

    /** Returns the number of a vring state; unsigned. */
    int num() {
        return u32(4);
    }

    /** Returns the flags of a vring address: 1 asks for a log of dirtied pages. */
    int addressFlags() {
        return u32(4);
    }

    long descriptorUser() {
        return u64(8);
    }

    long usedUser() {
        return u64(16);
    }

    long availUser() {
        return u64(24);
    }

    int regionCount() {
        return u32(0);
    }

    /** Returns where region {@code i} starts in the payload, for the four methods below. */
    static int regionAt(int i) {
        return 8 + i * REGION_BYTES;
    }

    long regionGuest(int at) {
        return u64(at);
    }

    long regionBytes(int at) {
        return u64(at + 8);
    }

    long regionUser(int at) {
        return u64(at + 16);
    }

    long regionOffset(int at) {
        return u64(at + 24);
    }

    int configOffset() {
        return u32(0);
    }

    int configBytes() {
        return u32(4);
    }

    /** Returns the size of a log of requests in flight, and where it starts in its file; both as sent. */
    long inflightBytes() {
        return u64(0);
    }

    long inflightOffset() {
        return u64(8);
    }

    int inflightQueues() {
        return bytes.getUnsignedShortLE(HEADER_BYTES + 16);
    }

    int inflightRingSize() {
        return bytes.getUnsignedShortLE(HEADER_BYTES + 18);
    }

    private VhostMessage toReply(int payloadBytes) {
        bytes.setIntLE(4, VERSION | REPLY).setIntLE(8, payloadBytes);
        bytes.setIndex(0, HEADER_BYTES + payloadBytes);
        return this;
    }

    /** Turns this request into a reply of one number. */
    VhostMessage toReplyOf(long value) {
        toReply(Long.BYTES);
        bytes.setLongLE(HEADER_BYTES, value);
        return this;
    }

    /** Turns this GET_VRING_BASE into its reply. */
    VhostMessage toRingBase(int num) {
        toReply(Long.BYTES);
        bytes.setIntLE(HEADER_BYTES + 4, num);
        return this;
    }

    /** Turns this GET_INFLIGHT_FD into its reply, with the padding behind it that its sender counts in. */
    VhostMessage toInflight(int sizeBytes) {
        toReply(payloadBytes());
        bytes.setLongLE(HEADER_BYTES, sizeBytes).setLongLE(HEADER_BYTES + 8, 0);
        return this;
    }

    /** Turns this GET_CONFIG into its reply; what lies beyond the space is zero. */
    VhostMessage toConfig(byte[] space) {
        for (int i = 0; i < configBytes(); i++) {
            long from = Integer.toUnsignedLong(configOffset()) + i;
            bytes.setByte(HEADER_BYTES + CONFIG_HEADER_BYTES + i, from < space.length ? space[(int) from] : 0);
        }
        return toReply(CONFIG_HEADER_BYTES + configBytes());
    }

    void release() {
        bytes.release();
    }
}
