package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.Immutable;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Where the files are that a bridge needs while it runs. On a disk that it serves itself they are a trap: when the node is
 * away, the bridge waits for the disk that waits for the bridge. A file belongs to a disk if its file system lies on the
 * disk, on a partition of it, or on what is built on those (device mapper, RAID). File systems with device numbers of their
 * own, such as btrfs, are not recognised. Blocks, and may wait for the very disk: call it where nobody waits for the answer.
 */
@Immutable
@SuppressWarnings("Immutable") // Path is immutable and the implementations of Devices hold nothing.
final class OwnFiles {
    /**
     * Something that the process needs.
     *
     * @param what its name for people
     */
    record Place(String what, Path path) {}

    /** Tells on which device a file lies; for tests, where there are no devices to choose from. */
    interface Devices {
        /** Returns {@code major:minor}. */
        String of(Path file) throws IOException;
    }

    private final HostFolders host;
    private final List<Place> places;
    private final Devices devices;

    OwnFiles(HostFolders host, List<Place> places, Devices devices) {
        this.host = host;
        this.places = List.copyOf(places);
        this.devices = devices;
    }

    /** Returns those of this process. */
    static OwnFiles ofThisProcess(HostFolders host, Path stateFolder) {
        List<Place> places = new ArrayList<>();
        places.add(new Place("program", program()));
        places.add(new Place("Java", Path.of(System.getProperty("java.home"))));
        places.add(new Place("standard output", host.proc().resolve("self/fd/1")));
        places.add(new Place("log", host.proc().resolve("self/fd/2")));
        places.add(new Place("temporary folder", Path.of(System.getProperty("java.io.tmpdir"))));
        places.add(new Place("folder of the control socket", stateFolder));
        return new OwnFiles(host, places, OwnFiles::deviceOf);
    }

    private static Path program() {
        try {
            return Path.of(OwnFiles.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String deviceOf(Path file) throws IOException {
        return DeviceUsers.number((Long) Files.getAttribute(file, "unix:dev"));
    }

    /** Returns the names of what lies on the disk. */
    List<String> on(String disk) throws IOException {
        Set<String> numbers = new HashSet<>();
        add(host.sys().resolve("block").resolve(disk), numbers);
        List<String> found = new ArrayList<>();
        for (Place place : places) {
            if (Files.exists(place.path()) && numbers.contains(devices.of(place.path()))) {
                found.add(place.what());
            }
        }
        return found;
    }

    /** Adds the numbers of a disk or partition, and of everything above it. */
    private void add(Path folder, Set<String> numbers) throws IOException {
        if (!numbers.add(Files.readString(folder.resolve("dev")).trim())) {
            return;
        }
        try (DirectoryStream<Path> partitions = Files.newDirectoryStream(folder, folder.getFileName() + "*")) {
            for (Path partition : partitions) {
                add(partition, numbers);
            }
        }
        Path holders = folder.resolve("holders");
        if (Files.isDirectory(holders)) {
            try (DirectoryStream<Path> all = Files.newDirectoryStream(holders)) {
                for (Path holder : all) {
                    add(host.sys().resolve("block").resolve(holder.getFileName()), numbers);
                }
            }
        }
    }
}
