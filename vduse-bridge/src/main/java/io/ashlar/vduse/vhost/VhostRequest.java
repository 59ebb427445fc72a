package io.ashlar.vduse.vhost;

/**
 * What a front end may ask, with the numbers and payloads of the vhost-user specification ("Front-end message types"). Those
 * that are missing here belong to features that are not offered.
 */
enum VhostRequest {
    GET_FEATURES(1, 0, 0),
    SET_FEATURES(2, 8, 0),
    SET_OWNER(3, 0, 0),
    RESET_OWNER(4, 0, 0),
    SET_MEM_TABLE(5, 8, VhostMessage.REGIONS_MAX),
    SET_VRING_NUM(8, 8, 0),
    SET_VRING_ADDR(9, 40, 0),
    SET_VRING_BASE(10, 8, 0),
    GET_VRING_BASE(11, 8, 0),
    SET_VRING_KICK(12, 8, 1),
    SET_VRING_CALL(13, 8, 1),
    SET_VRING_ERR(14, 8, 1),
    GET_PROTOCOL_FEATURES(15, 0, 0),
    SET_PROTOCOL_FEATURES(16, 8, 0),
    GET_QUEUE_NUM(17, 0, 0),
    SET_VRING_ENABLE(18, 8, 0),
    SET_BACKEND_REQ_FD(21, 0, 1),
    GET_CONFIG(24, 12, 0),
    SET_CONFIG(25, 12, 0),
    GET_INFLIGHT_FD(31, 20, 0),
    SET_INFLIGHT_FD(32, 20, 1),
    RESET_DEVICE(34, 0, 0),
    GET_MAX_MEM_SLOTS(36, 0, 0),
    ADD_MEM_REG(37, 40, 1),
    REM_MEM_REG(38, 40, 1);

    private static final VhostRequest[] BY_NUMBER = new VhostRequest[64];

    static {
        for (VhostRequest request : values()) {
            BY_NUMBER[request.number] = request;
        }
    }

    private final int number;
    private final int payloadBytesMin;
    private final int descriptorsMax;

    VhostRequest(int number, int payloadBytesMin, int descriptorsMax) {
        this.number = number;
        this.payloadBytesMin = payloadBytesMin;
        this.descriptorsMax = descriptorsMax;
    }

    /** Returns the request of a number, or null. */
    static VhostRequest of(int number) {
        return number < 0 || number >= BY_NUMBER.length ? null : BY_NUMBER[number];
    }

    int number() {
        return number;
    }

    /** Returns the fewest bytes that its payload has. */
    int payloadBytesMin() {
        return payloadBytesMin;
    }

    /** Returns the most descriptors that come with it. */
    int descriptorsMax() {
        return descriptorsMax;
    }
}
