package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.Immutable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Says whether this host can bridge volumes to block devices, and what to do about what is missing. Changes nothing. */
@Immutable
@SuppressWarnings("Immutable") // Path is immutable, though Error Prone does not know it.
public final class HostCheck {
    /** How bad a finding is. */
    public enum Verdict {
        /** As it should be. */
        OK,
        /** It works, but worse than it could. */
        WARNING,
        /** No block devices on this host. */
        MISSING
    }

    /**
     * One thing looked at.
     *
     * @param subject what
     * @param verdict how bad it is
     * @param found what was found, in a few words
     * @param advice what to do, or an empty text
     */
    public record Finding(String subject, Verdict verdict, String found, String advice) {}

    // Bits of the capability sets, linux/capability.h
    private static final int CAP_NET_ADMIN = 12;
    private static final int CAP_IPC_LOCK = 14;
    private static final int CAP_SYS_NICE = 23;
    private static final int CAP_SYS_RESOURCE = 24;

    private static final Pattern RELEASE = Pattern.compile("(\\d+)\\.(\\d+).*", Pattern.DOTALL);
    private static final int FILES_MIN = 4096;
    private static final String WITHOUT = "this kernel was built without it; a stock Debian kernel from 6.12 on has it."
            + " Until then, use the volume through 'ashlar lab vm', or from another host";

    private final HostFolders host;
    private final Path modules;
    private final String searchPath;

    private HostCheck(HostFolders host, Path modules, String searchPath) {
        this.host = host;
        this.modules = modules;
        this.searchPath = searchPath;
    }

    /** Looks at this host. */
    public static List<Finding> run() {
        String path = System.getenv("PATH");
        return run(HostFolders.REAL, Path.of("/lib/modules"), (path == null ? "" : path) + ":/usr/sbin:/sbin");
    }

    static List<Finding> run(HostFolders host, Path modules, String searchPath) {
        HostCheck check = new HostCheck(host, modules, searchPath);
        List<Finding> findings = new ArrayList<>();
        findings.add(check.kernel());
        findings.add(check.module("vduse"));
        findings.add(check.module("virtio_vdpa"));
        findings.add(check.module("virtio_blk"));
        findings.add(check.control());
        findings.add(check.tool());
        findings.add(check.capability("CAP_NET_ADMIN", CAP_NET_ADMIN, Verdict.MISSING, "put devices on the vDPA bus"));
        findings.add(check.capability(
                "CAP_SYS_RESOURCE", CAP_SYS_RESOURCE, Verdict.WARNING, "keep write-back from waiting for itself"));
        findings.add(check.capability("CAP_SYS_NICE", CAP_SYS_NICE, Verdict.WARNING, "raise its priority"));
        findings.add(check.lockedMemory());
        findings.add(check.openFiles());
        findings.add(check.cpus());
        return findings;
    }

    private String release() {
        return read(host.proc().resolve("sys/kernel/osrelease")).trim();
    }

    private Finding kernel() {
        String release = release();
        Matcher version = RELEASE.matcher(release);
        int number =
                version.matches() ? Integer.parseInt(version.group(1)) * 1000 + Integer.parseInt(version.group(2)) : 0;
        if (number >= 6004) {
            return ok("kernel", release);
        }
        return new Finding(
                "kernel", Verdict.WARNING, release, "bounce size and queue affinity of VDUSE need Linux 6.4");
    }

    private Finding module(String name) {
        if (Files.isDirectory(host.sys().resolve("module").resolve(name))) {
            return ok("module " + name, "loaded");
        }
        Path folder = modules.resolve(release());
        boolean builtIn = read(folder.resolve("modules.builtin")).contains("/" + name + ".ko");
        if (builtIn) {
            return ok("module " + name, "built in");
        }
        boolean present = read(folder.resolve("modules.dep")).contains("/" + name + ".ko");
        return present
                ? new Finding("module " + name, Verdict.MISSING, "not loaded", "modprobe " + name)
                : new Finding("module " + name, Verdict.MISSING, "not there", WITHOUT);
    }

    private Finding control() {
        Path node = host.dev().resolve("vduse/control");
        String subject = "/dev/vduse/control";
        if (!Files.exists(node)) {
            return new Finding(subject, Verdict.MISSING, "not there", "it comes with the module vduse");
        }
        return Files.isReadable(node) && Files.isWritable(node)
                ? ok(subject, "can be opened")
                : new Finding(
                        subject, Verdict.MISSING, "permission denied", "run the bridge as root, or give it the node");
    }

    private Finding tool() {
        for (String folder : searchPath.split(":", -1)) {
            if (Files.isExecutable(Path.of(folder.isEmpty() ? "." : folder, "vdpa"))) {
                return ok("vdpa tool", Path.of(folder, "vdpa").toString());
            }
        }
        return new Finding(
                "vdpa tool",
                Verdict.WARNING,
                "not found",
                "the bridge does without; to look at the bus: apt install iproute2");
    }

    private Finding capability(String name, int bit, Verdict without, String purpose) {
        long effective = Long.parseUnsignedLong(field("self/status", "CapEff:", "0"), 16);
        return (effective >>> bit & 1) != 0
                ? ok(name, "held")
                : new Finding(
                        name,
                        without,
                        "not held",
                        "the bridge needs it to " + purpose + "; run it as root or grant it");
    }

    private Finding lockedMemory() {
        long effective = Long.parseUnsignedLong(field("self/status", "CapEff:", "0"), 16);
        String limit = field("self/limits", "Max locked memory", "unknown").split("\\s+", -1)[0];
        boolean unbounded = limit.equals("unlimited") || (effective >>> CAP_IPC_LOCK & 1) != 0;
        return unbounded
                ? ok("locked memory", limit)
                : new Finding(
                        "locked memory",
                        Verdict.WARNING,
                        limit + " bytes",
                        "under memory pressure the bridge could wait for its own disk; set LimitMEMLOCK=infinity or grant"
                                + " CAP_IPC_LOCK");
    }

    private Finding openFiles() {
        String limit = field("self/limits", "Max open files", "0").split("\\s+", -1)[0];
        boolean enough = limit.equals("unlimited") || Long.parseLong(limit) >= FILES_MIN;
        return enough
                ? ok("open files", limit)
                : new Finding("open files", Verdict.WARNING, limit, "set LimitNOFILE=65536");
    }

    private Finding cpus() {
        return ok("CPUs", field("self/status", "Cpus_allowed_list:", "unknown"));
    }

    /** Returns what stands behind the key in a file of /proc. */
    private String field(String file, String key, String otherwise) {
        return read(host.proc().resolve(file))
                .lines()
                .filter(line -> line.startsWith(key))
                .map(line -> line.substring(key.length()).trim())
                .findFirst()
                .orElse(otherwise);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return ""; // what can't be read counts as not there
        }
    }

    private static Finding ok(String subject, String found) {
        return new Finding(subject, Verdict.OK, found, "");
    }
}
