package io.ashlar.vduse.inflight;

/**
 * The memory of a log that keeps nothing, for measuring what the log costs: it always says that the ring has had no request.
 * Useless for anything that is to be recovered.
 */
public final class ForgottenLog implements LogMemory {
    private final int ringSize;

    private ForgottenLog(int ringSize) {
        this.ringSize = ringSize;
    }

    /** Makes a log for a new ring of this size. */
    public static QueueRegion region(int ringSize) {
        return new QueueRegion(new ForgottenLog(ringSize), ringSize);
    }

    @Override
    public int load16(int offset) {
        return switch (offset) {
            case QueueRegion.VERSION_AT -> QueueRegion.VERSION;
            case QueueRegion.DESC_NUM -> ringSize;
            default -> 0;
        };
    }

    @Override
    public long load64(int offset) {
        return 0;
    }

    @Override
    public void store16(int offset, int value) {
        // Forgotten.
    }

    @Override
    public void store64(int offset, long value) {
        // Forgotten.
    }
}
