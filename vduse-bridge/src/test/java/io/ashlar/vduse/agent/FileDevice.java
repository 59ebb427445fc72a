package io.ashlar.vduse.agent;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.BlockQueue;
import io.ashlar.base.block.BlockRequest;
import io.ashlar.base.loop.Loop;
import io.ashlar.base.status.Status;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A volume in a file, slow and simple, whose data outlives the process that serves it. */
final class FileDevice implements BlockDevice {
    private final BlockGeometry geometry;
    private final FileChannel file;

    FileDevice(Path path, BlockGeometry geometry) throws IOException {
        this.geometry = geometry;
        file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    @Override
    public BlockGeometry geometry() {
        return geometry;
    }

    @Override
    public BlockQueue openQueue(Loop loop, Runnable completionsEnded) {
        return new Queue();
    }

    @Override
    public void onGeometryChange(Runnable listener) {}

    @Override
    public void close() {}

    private void apply(BlockRequest request) throws IOException {
        int length = (int) request.lengthBytes();
        ByteBuffer bytes = ByteBuffer.allocate(length);
        ByteBuf view = Unpooled.wrappedBuffer(bytes);
        switch (request.operation()) {
            case READ -> {
                while (bytes.hasRemaining() && file.read(bytes, request.offsetBytes() + bytes.position()) > 0) {}
                request.data().copyIn(0, view, 0, length);
            }
            case WRITE -> {
                request.data().copyOut(0, view, 0, length);
                file.write(bytes, request.offsetBytes());
            }
            case WRITE_ZEROES, DISCARD -> file.write(bytes, request.offsetBytes());
            case FLUSH -> {}
        }
    }

    private final class Queue implements BlockQueue {
        @Override
        public void submit(BlockRequest request) {
            try {
                apply(request);
                request.complete(Status.OK);
            } catch (IOException e) {
                request.complete(Status.IO_ERROR);
            }
        }

        @Override
        public void endBatch() {}

        @Override
        public void close() {}
    }
}
