package io.ashlar.vduse.agent;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.MemoryBlockDevice;
import io.ashlar.base.net.EpollLoops;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A bridge for the virtual machine. Volume {@code memN} has N MiB in memory, {@code file} lies in a file, and {@code stalling}
 * too, but answers nothing while the file given exists. Takes commands on standard input; {@code stop} ends it as a signal would.
 */
public final class BridgeMain {
    private BridgeMain() {}

    public static void main(String[] args) throws Exception {
        BridgeConfig config = BridgeConfig.defaults().withControlSocket(Path.of(args[0]));
        EpollLoops data = EpollLoops.pinned("data", BridgeDaemon.cpusToUse(config));
        ConcurrentHashMap<String, MemoryBlockDevice> volumes = new ConcurrentHashMap<>();
        BridgeDaemon daemon = BridgeDaemon.start(config, data, (name, readOnly, steal) -> {
            if (!name.matches("mem\\d+|stalling|file")) {
                throw new BridgeException("there is no volume " + name);
            }
            long mib = name.startsWith("mem") ? Long.parseLong(name.substring(3)) : 64;
            BlockGeometry geometry = new BlockGeometry(mib << 20, 512, readOnly);
            UUID id = UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8));
            if (!name.startsWith("mem")) {
                BlockDevice file = new FileDevice(Path.of(args[1] + "." + name), geometry);
                BlockDevice device = name.equals("file") ? file : new StallingDevice(file, Path.of(args[1]));
                return new VolumeOpener.OpenedVolume(device, id);
            }
            MemoryBlockDevice volume = new MemoryBlockDevice(geometry);
            volumes.put(name, volume);
            return new VolumeOpener.OpenedVolume(volume, id);
        });
        ControlServer server = ControlServer.start(daemon);
        HostProtection.apply().forEach(line -> System.out.println("warning: " + line));
        System.out.println("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null && !line.equals("stop"); line = in.readLine()) {
            String[] words = line.split(" ", -1);
            if (words[0].equals("resize")) {
                volumes.get(words[1]).resize(Long.parseLong(words[2]) << 20);
            } else if (line.endsWith(" &")) {
                String command = line.substring(0, line.length() - 2);
                new Thread(() -> run(args[0], command)).start();
            } else {
                run(args[0], line);
            }
        }
        server.close();
        System.out.println(daemon.stop());
        daemon.close();
        data.close();
        System.exit(0);
    }

    private static void run(String socket, String command) {
        try {
            BridgeCommand.main(new String[] {socket, command});
        } catch (IOException e) {
            System.out.println(command + ": " + e);
        }
    }
}
