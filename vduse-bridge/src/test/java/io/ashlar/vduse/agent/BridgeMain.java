package io.ashlar.vduse.agent;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.MemoryBlockDevice;
import io.ashlar.base.net.EpollLoops;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A bridge whose volumes are in memory, for the virtual machine. {@code memN} has N MiB; {@code stalling} answers nothing
 * while the file given exists. A line on standard input ends it, as a signal would.
 */
public final class BridgeMain {
    private BridgeMain() {}

    public static void main(String[] args) throws Exception {
        BridgeConfig config = BridgeConfig.defaults().withControlSocket(Path.of(args[0]));
        EpollLoops data = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
        ConcurrentHashMap<String, MemoryBlockDevice> volumes = new ConcurrentHashMap<>();
        BridgeDaemon daemon = BridgeDaemon.start(config, data, (name, readOnly, steal) -> {
            if (!name.matches("mem\\d+|stalling")) {
                throw new BridgeException("there is no volume " + name);
            }
            long mib = name.equals("stalling") ? 64 : Long.parseLong(name.substring(3));
            BlockGeometry geometry = new BlockGeometry(mib << 20, 512, readOnly);
            MemoryBlockDevice volume = new MemoryBlockDevice(geometry);
            volumes.put(name, volume);
            return new VolumeOpener.OpenedVolume(
                    name.equals("stalling") ? new StallingDevice(volume, Path.of(args[1])) : volume,
                    UUID.nameUUIDFromBytes(name.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
        });
        ControlServer server = ControlServer.start(daemon);
        HostProtection.apply().forEach(line -> System.out.println("warning: " + line));
        System.out.println("ready");
        String line = "";
        while (line != null && !line.equals("stop")) {
            byte[] bytes = new byte[256];
            int length = System.in.read(bytes);
            line = length < 0 ? null : new String(bytes, 0, length, java.nio.charset.StandardCharsets.UTF_8).trim();
            if (line != null && line.startsWith("resize ")) {
                String[] words = line.split(" ", -1);
                volumes.get(words[1]).resize(Long.parseLong(words[2]) << 20);
            }
        }
        server.close();
        System.out.println(daemon.stop());
        daemon.close();
        data.close();
        System.exit(0);
    }
}
