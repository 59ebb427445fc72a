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
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
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
        BridgeDaemon daemon = BridgeDaemon.start(config, data, opener(Path.of(args[1]), volumes));
        CompletableFuture<Void> told = new CompletableFuture<>();
        ControlServer server = ControlServer.start(daemon, () -> told.complete(null));
        HostProtection.apply().forEach(line -> System.out.println("warning: " + line));
        System.out.println("ready");
        Thread commands = new Thread(() -> obey(args[0], volumes, told), "commands");
        commands.setDaemon(true);
        commands.start();
        told.join();
        server.close();
        System.out.println(daemon.stop());
        daemon.close();
        data.close();
        System.exit(0);
    }

    /** Returns the volumes; two processes with the same path have the same ones, but for those in memory. */
    public static VolumeOpener opener(Path path, Map<String, MemoryBlockDevice> inMemory) {
        return (name, readOnly, steal) -> {
            if (!name.matches("mem\\d+|stalling|file")) {
                throw new BridgeException("there is no volume " + name);
            }
            long mib = name.startsWith("mem") ? Long.parseLong(name.substring(3)) : 64;
            BlockGeometry geometry = new BlockGeometry(mib << 20, 512, readOnly);
            UUID id = UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8));
            if (!name.startsWith("mem")) {
                BlockDevice file = new FileDevice(Path.of(path + "." + name), geometry);
                BlockDevice device = name.equals("file") ? file : new StallingDevice(file, path);
                return new VolumeOpener.OpenedVolume(device, id);
            }
            MemoryBlockDevice volume = new MemoryBlockDevice(geometry);
            inMemory.put(name, volume);
            return new VolumeOpener.OpenedVolume(volume, id);
        };
    }

    private static void obey(String socket, Map<String, MemoryBlockDevice> volumes, CompletableFuture<Void> told) {
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))
                .lines()
                .takeWhile(line -> !line.equals("stop"))
                .forEach(line -> {
                    String[] words = line.split(" ", -1);
                    if (words[0].equals("resize")) {
                        volumes.get(words[1]).resize(Long.parseLong(words[2]) << 20);
                    } else if (line.endsWith(" &")) {
                        String command = line.substring(0, line.length() - 2);
                        new Thread(() -> run(socket, command)).start();
                    } else {
                        run(socket, line);
                    }
                });
        told.complete(null);
    }

    private static void run(String socket, String command) {
        try {
            BridgeCommand.main(new String[] {socket, command});
        } catch (IOException e) {
            System.out.println(command + ": " + e);
        }
    }
}
