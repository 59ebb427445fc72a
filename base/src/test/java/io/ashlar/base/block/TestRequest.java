package io.ashlar.base.block;

import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/** A request with memory of its own that remembers its outcome; completing it twice fails the test. */
public final class TestRequest extends BlockRequest {
    private final ByteBuf memory;
    private final ScatterList list = new ScatterList(64);
    private volatile Status status;

    private TestRequest(int capacity) {
        memory = capacity == 0 ? Unpooled.EMPTY_BUFFER : Unpooled.directBuffer(capacity);
        memory.writeZero(capacity);
    }

    /** A read of {@code length} bytes, into segments of at most {@code segmentBytes}. */
    public static TestRequest read(long offset, int length, int segmentBytes) {
        return withMemory(Operation.READ, offset, new byte[length], segmentBytes, 0);
    }

    /** A write of the bytes, from segments of at most {@code segmentBytes}. */
    public static TestRequest write(long offset, byte[] bytes, int segmentBytes, int flags) {
        return withMemory(Operation.WRITE, offset, bytes, segmentBytes, flags);
    }

    /** A request without memory. */
    public static TestRequest of(Operation operation, long offset, long length, int flags) {
        TestRequest request = new TestRequest(0);
        request.set(operation, offset, length, flags);
        return request;
    }

    private static TestRequest withMemory(Operation operation, long offset, byte[] bytes, int segmentBytes, int flags) {
        TestRequest request = new TestRequest(bytes.length);
        request.memory.setBytes(0, bytes);
        for (int at = 0; at < bytes.length; at += segmentBytes) {
            request.list.add(request.memory, at, Math.min(segmentBytes, bytes.length - at));
        }
        request.setData(operation, offset, request.list, flags);
        return request;
    }

    @Override
    protected void onComplete(Status outcome) {
        if (status != null) {
            throw new AssertionError("completed twice: " + status + ", then " + outcome);
        }
        status = outcome;
    }

    /** Returns the outcome, null while it is under way. */
    public Status status() {
        return status;
    }

    /** Returns the request's memory now. */
    public byte[] bytes() {
        byte[] copy = new byte[list.lengthBytes()];
        memory.getBytes(0, copy);
        return copy;
    }

    /** Gives the memory back. */
    public void free() {
        memory.release();
    }
}
