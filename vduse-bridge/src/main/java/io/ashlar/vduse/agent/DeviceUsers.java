package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.Immutable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out who uses a disk or a partition of it: mounts in any mount namespace, swap, holders (device mapper, RAID),
 * loop devices, and processes that have it open. Made while the disk is held open exclusively, so that no mount, swap or
 * holder can come in between. Blocks on /proc; processes may come and go meanwhile.
 */
@Immutable
final class DeviceUsers {
    private static final Logger LOG = LoggerFactory.getLogger(DeviceUsers.class);
    private static final int USERS_MAX = 8;
    /** S_IFMT and S_IFBLK, linux/stat.h. */
    private static final int TYPE_MASK = 0xF000;

    private static final int TYPE_BLOCK = 0x6000;

    /** In mountinfo, behind the separator. */
    private static final Pattern REMOTE_TYPES = Pattern.compile(" - (nfs|cifs|smb|fuse|9p|ceph|afs|gfs|ocfs)");

    /** Tells which block device a file is; for tests, where nobody can make device nodes. */
    interface DeviceNumbers {
        /** Returns {@code major:minor}, or an empty text if the file is no block device. */
        String of(Path file) throws IOException;
    }

    private final HostFolders host;
    private final long ownPid;

    @SuppressWarnings("Immutable") // the implementations hold nothing
    private final DeviceNumbers deviceNumbers;

    DeviceUsers(HostFolders host, long ownPid, DeviceNumbers deviceNumbers) {
        this.host = host;
        this.ownPid = ownPid;
        this.deviceNumbers = deviceNumbers;
    }

    /** Returns the number of a block device node; the bits of st_rdev are those of sys/sysmacros.h. */
    static String numberOf(Path file) throws IOException {
        int mode = (Integer) Files.getAttribute(file, "unix:mode");
        if ((mode & TYPE_MASK) != TYPE_BLOCK) {
            return "";
        }
        return number((Long) Files.getAttribute(file, "unix:rdev"));
    }

    /** Returns {@code major:minor} of a dev_t. */
    static String number(long device) {
        long major = ((device >>> 8) & 0xfff) | ((device >>> 32) & ~0xfffL);
        long minor = (device & 0xff) | ((device >>> 12) & ~0xffL);
        return major + ":" + minor;
    }

    /** Returns a few words for each user, at most eight. */
    List<String> of(String disk) throws IOException {
        Set<String> names = new HashSet<>();
        Set<String> numbers = new HashSet<>();
        Path block = host.sys().resolve("block").resolve(disk);
        addDisk(block, disk, names, numbers);
        try (DirectoryStream<Path> partitions = Files.newDirectoryStream(block, disk + "*")) {
            for (Path partition : partitions) {
                addDisk(partition, partition.getFileName().toString(), names, numbers);
            }
        }
        Set<String> users = new LinkedHashSet<>();
        for (String name : names) {
            addHolders(name.equals(disk) ? block : block.resolve(name), name, users);
        }
        addSwaps(names, users);
        addLoops(names, users);
        addProcesses(numbers, users);
        return users.stream().limit(USERS_MAX).toList();
    }

    private static void addDisk(Path folder, String name, Set<String> names, Set<String> numbers) throws IOException {
        names.add(name);
        numbers.add(Files.readString(folder.resolve("dev")).trim());
    }

    private static void addHolders(Path folder, String name, Set<String> users) throws IOException {
        Path holders = folder.resolve("holders");
        if (Files.isDirectory(holders)) {
            try (DirectoryStream<Path> all = Files.newDirectoryStream(holders)) {
                all.forEach(holder -> users.add("held by " + holder.getFileName() + " (" + name + ")"));
            }
        }
    }

    private void addSwaps(Set<String> names, Set<String> users) throws IOException {
        Path swaps = host.proc().resolve("swaps");
        if (Files.exists(swaps)) {
            for (String line : Files.readAllLines(swaps)) {
                String name = nameOf(line.split("\\s+", 2)[0]);
                if (names.contains(name)) {
                    users.add("swap on " + name);
                }
            }
        }
    }

    /** A loop device's file is held by the kernel alone: no process shows it. */
    private void addLoops(Set<String> names, Set<String> users) throws IOException {
        try (DirectoryStream<Path> loops = Files.newDirectoryStream(host.sys().resolve("block"), "loop*")) {
            for (Path loop : loops) {
                Path backing = loop.resolve("loop/backing_file");
                if (Files.exists(backing)
                        && names.contains(nameOf(Files.readString(backing).trim()))) {
                    users.add("held by " + loop.getFileName());
                }
            }
        }
    }

    /** Returns the disk's name if the path lies in a folder of device nodes, else an empty text. */
    private static String nameOf(String path) {
        int slash = path.lastIndexOf('/');
        return path.startsWith("/dev/") ? path.substring(slash + 1) : "";
    }

    private void addProcesses(Set<String> numbers, Set<String> users) throws IOException {
        Map<String, List<String>> remoteMounts = new HashMap<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(host.proc(), "[0-9]*")) {
            for (Path process : processes) {
                try {
                    String namespace = namespaceOf(process);
                    if (!remoteMounts.containsKey(namespace)) {
                        remoteMounts.put(namespace, addMounts(process, numbers, users));
                    }
                    if (!process.getFileName().toString().equals(Long.toString(ownPid))) {
                        addOpen(process, numbers, remoteMounts.get(namespace), users);
                    }
                } catch (NoSuchFileException | DirectoryIteratorException e) {
                    LOG.trace("process {} has ended meanwhile", process.getFileName(), e);
                } catch (IOException e) {
                    // Anything else, such as a process being traced: do not let it hide the other users.
                    LOG.debug("can't look at process {}", process.getFileName(), e);
                }
            }
        }
    }

    private static String namespaceOf(Path process) throws IOException {
        Path link = process.resolve("ns/mnt");
        return Files.isSymbolicLink(link)
                ? Files.readSymbolicLink(link).toString()
                : process.getFileName().toString();
    }

    /**
     * Fields of mountinfo (proc(5)): id, parent, major:minor, root, mount point, options, …, separator, type, source.
     * Returns the mount points whose files may not be looked at, because a server that is away would hang us.
     */
    private static List<String> addMounts(Path process, Set<String> numbers, Set<String> users) throws IOException {
        List<String> remote = new ArrayList<>();
        for (String line : Files.readAllLines(process.resolve("mountinfo"), StandardCharsets.ISO_8859_1)) {
            String[] fields = line.split(" ", 6);
            if (fields.length < 6) {
                continue;
            }
            String point = unescape(fields[4]);
            // btrfs and others have numbers of their own: such mounts hold the disk exclusively, which shows elsewhere.
            if (numbers.contains(fields[2])) {
                users.add("mounted on " + point + seenBy(process));
            }
            if (REMOTE_TYPES.matcher(fields[5]).find()) {
                remote.add(point);
            }
        }
        return remote;
    }

    private static String seenBy(Path process) throws IOException {
        String pid = process.getFileName().toString();
        return " (seen by process " + pid + ", " + commandOf(process) + ")";
    }

    /** By device number, not by name: a container may know the disk under any name. */
    private void addOpen(Path process, Set<String> numbers, List<String> remote, Set<String> users) throws IOException {
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(process.resolve("fd"))) {
            for (Path descriptor : descriptors) {
                String target = Files.readSymbolicLink(descriptor).toString();
                if (target.startsWith("/")
                        && remote.stream().noneMatch(target::startsWith)
                        && numbers.contains(deviceNumbers.of(descriptor))) {
                    users.add("open in process " + process.getFileName() + " (" + commandOf(process) + ")");
                }
            }
        }
    }

    private static String commandOf(Path process) throws IOException {
        return Files.readString(process.resolve("comm"), StandardCharsets.ISO_8859_1)
                .trim();
    }

    /** The kernel writes blanks, tabs, newlines and backslashes as octal. */
    private static String unescape(String text) {
        return text.replace("\\040", " ")
                .replace("\\011", "\t")
                .replace("\\012", " ")
                .replace("\\134", "\\");
    }
}
