package io.ashlar.nbd.session;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.MemoryBlockDevice;
import io.ashlar.base.net.EpollLoops;
import io.ashlar.nbd.handshake.NbdExport;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;

/** A device served on loopback, for tests. */
final class Served implements AutoCloseable {
    static final String NAME = "vol";

    final BlockDevice device;
    final NbdServer server;
    private final EpollLoops loops = EpollLoops.floating("nbd", 2);

    private Served(BlockDevice device, boolean readOnly, NbdLimits limits, Path socket) throws IOException {
        this.device = device;
        NbdExport export = new NbdExport(NAME, "a volume", device, readOnly);
        server = socket == null
                ? NbdServer.listen(
                        export, limits, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), loops.all())
                : NbdServer.listen(export, limits, socket, loops.all());
    }

    static Served memory(int sizeBytes, int blockBytes) throws IOException {
        return of(new MemoryBlockDevice(new BlockGeometry(sizeBytes, blockBytes, false)));
    }

    static Served of(BlockDevice device) throws IOException {
        return new Served(device, false, NbdLimits.DEFAULT, null);
    }

    static Served of(BlockDevice device, boolean readOnly, NbdLimits limits) throws IOException {
        return new Served(device, readOnly, limits, null);
    }

    static Served on(Path socket, BlockDevice device) throws IOException {
        return new Served(device, false, NbdLimits.DEFAULT, socket);
    }

    String uri() {
        return "nbd://127.0.0.1:" + server.port() + "/" + NAME;
    }

    @Override
    public void close() {
        server.close();
        device.close();
        loops.close();
    }
}
