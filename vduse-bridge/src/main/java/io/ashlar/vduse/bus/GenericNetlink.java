package io.ashlar.vduse.bus;

import com.google.errorprone.annotations.Immutable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Messages of generic netlink, little-endian as the machine (linux/netlink.h, linux/genetlink.h, linux/vdpa.h):
 *
 * <pre>
 *   nlmsghdr  : len 0:4 | type 4:2 | flags 6:2 | seq 8:4 | pid 12:4
 *   genlmsghdr: cmd 16:1 | version 17:1 | reserved 18:2
 *   attributes: len 0:2 | type 2:2 | payload, padded to 4
 *   error     : nlmsghdr of type 2, then error 16:4 (0 or -errno), then the request's header
 * </pre>
 */
@Immutable
final class GenericNetlink {
    /** NLMSG_ERROR: an acknowledgement or an error. */
    static final int TYPE_ERROR = 2;
    /** GENL_ID_CTRL: the family that knows the others. */
    static final int TYPE_CONTROL = 16;
    /** NLM_F_REQUEST | NLM_F_ACK. */
    static final int FLAGS_REQUEST_ACK = 1 | 4;
    /** CTRL_CMD_GETFAMILY. */
    static final int CMD_GET_FAMILY = 3;
    /** CTRL_ATTR_FAMILY_ID. */
    static final int ATTR_FAMILY_ID = 1;
    /** CTRL_ATTR_FAMILY_NAME. */
    static final int ATTR_FAMILY_NAME = 2;
    /** VDPA_CMD_DEV_NEW. */
    static final int CMD_DEV_NEW = 3;
    /** VDPA_CMD_DEV_DEL. */
    static final int CMD_DEV_DEL = 4;
    /** VDPA_CMD_DEV_GET. */
    static final int CMD_DEV_GET = 5;
    /** VDPA_ATTR_MGMTDEV_DEV_NAME. */
    static final int ATTR_MGMTDEV_NAME = 2;
    /** VDPA_ATTR_DEV_NAME. */
    static final int ATTR_DEV_NAME = 4;

    static final int HEADER_BYTES = 16;
    private static final int GENL_HEADER_BYTES = 4;
    private static final int ATTR_HEADER_BYTES = 4;
    private static final int SEQUENCE_OFFSET = 8;
    private static final int VERSION = 1;

    private GenericNetlink() {}

    /** Builds a request whose attributes are pairs of type and text. */
    static byte[] request(int type, int command, int sequence, Attribute... attributes) {
        int length = HEADER_BYTES + GENL_HEADER_BYTES;
        for (Attribute attribute : attributes) {
            length += padded(ATTR_HEADER_BYTES + attribute.bytes().length);
        }
        ByteBuffer message = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        message.putInt(length).putShort((short) type).putShort((short) FLAGS_REQUEST_ACK);
        message.putInt(sequence).putInt(0);
        message.put((byte) command).put((byte) VERSION).putShort((short) 0);
        for (Attribute attribute : attributes) {
            byte[] payload = attribute.bytes();
            int end = message.position() + padded(ATTR_HEADER_BYTES + payload.length);
            message.putShort((short) (ATTR_HEADER_BYTES + payload.length)).putShort((short) attribute.type());
            message.put(payload).position(end);
        }
        return message.array();
    }

    /**
     * Finds the acknowledgement of a request among received messages.
     *
     * @return 0, -errno, or {@link Integer#MAX_VALUE} when it is not among them
     */
    static int acknowledgement(byte[] received, int length, int sequence) {
        ByteBuffer in = ByteBuffer.wrap(received, 0, length).order(ByteOrder.LITTLE_ENDIAN);
        int at = 0;
        while (at + HEADER_BYTES + Integer.BYTES <= length) {
            int size = in.getInt(at);
            if (size < HEADER_BYTES || size > length - at) {
                break;
            }
            if (in.getShort(at + Integer.BYTES) == TYPE_ERROR && in.getInt(at + SEQUENCE_OFFSET) == sequence) {
                return in.getInt(at + HEADER_BYTES);
            }
            at += padded(size);
        }
        return Integer.MAX_VALUE;
    }

    /** Returns the family id in the answer to CMD_GET_FAMILY, or -1 when there is none. */
    static int familyId(byte[] received, int length) {
        ByteBuffer in = ByteBuffer.wrap(received, 0, length).order(ByteOrder.LITTLE_ENDIAN);
        if (length < HEADER_BYTES || in.getShort(Integer.BYTES) != TYPE_CONTROL) {
            return -1;
        }
        int end = Math.min(in.getInt(0), length);
        int at = HEADER_BYTES + GENL_HEADER_BYTES;
        while (at + ATTR_HEADER_BYTES + Short.BYTES <= end) {
            int size = Short.toUnsignedInt(in.getShort(at));
            if (size < ATTR_HEADER_BYTES) {
                break;
            }
            if (in.getShort(at + Short.BYTES) == ATTR_FAMILY_ID) {
                return Short.toUnsignedInt(in.getShort(at + ATTR_HEADER_BYTES));
            }
            at += padded(size);
        }
        return -1;
    }

    private static int padded(int bytes) {
        return bytes + 3 & ~3;
    }

    /** A text attribute. */
    record Attribute(int type, String text) {
        byte[] bytes() {
            return (text + '\0').getBytes(StandardCharsets.US_ASCII);
        }
    }
}
