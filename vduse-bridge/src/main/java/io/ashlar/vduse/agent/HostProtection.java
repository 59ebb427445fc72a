package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Keeps a process that serves block devices from waiting for them. When memory is short the kernel writes dirty pages
 * to the served disk, and whoever allocates waits for that; the server must not be among them. So its memory is locked
 * (once touched: the reserved heap is larger than the host, and the bounce window must not be touched at all), it is the
 * last one to be killed, its threads allocate without waiting for I/O, and its classes are loaded before they are needed.
 * What can't be had is a warning.
 */
@Immutable
public final class HostProtection {
    /**
     * prctl option PR_SET_IO_FLUSHER (linux/prctl.h). It is per thread and survives exec: a launcher sets it before the JVM has
     * threads, since set in main it misses most of them.
     */
    public static final int PR_SET_IO_FLUSHER = 57;

    /** PF_MEMALLOC_NOIO, linux/sched.h: what PR_SET_IO_FLUSHER sets. */
    private static final long NO_IO_FLAG = 0x0008_0000L;

    /** Field "flags" of /proc/PID/stat, counted from behind the command (proc(5): field 9, the command is 2). */
    private static final int FLAGS_FIELD = 6;

    private static final String OOM_SCORE = "-999";

    private HostProtection() {}

    /** Protects this process as far as it may, and returns a line for each thing that it may not. */
    public static List<String> apply() {
        List<String> warnings = new ArrayList<>();
        int locked = Linux.lockMemory();
        if (locked < 0) {
            warnings.add("memory is not locked (" + Errno.describe(locked)
                    + "): it takes CAP_IPC_LOCK or an unlimited RLIMIT_MEMLOCK");
        }
        try {
            Files.writeString(Path.of("/proc/self/oom_score_adj"), OOM_SCORE);
        } catch (IOException e) {
            warnings.add("the process may be killed when memory is short: oom_score_adj needs CAP_SYS_RESOURCE");
        }
        int unprotected = threadsThatMayWait(Path.of("/proc/self/task"));
        if (unprotected > 0) {
            warnings.add(unprotected + " threads may wait for write-back to the served disks when memory is short:"
                    + " PR_SET_IO_FLUSHER was not set before start (needs CAP_SYS_RESOURCE)");
        }
        OwnClasses.loadInBackground();
        return warnings;
    }

    /** Returns how many threads of a process may wait for I/O when they allocate. */
    static int threadsThatMayWait(Path tasks) {
        int count = 0;
        try (DirectoryStream<Path> all = Files.newDirectoryStream(tasks)) {
            for (Path task : all) {
                count += mayWait(task.resolve("stat")) ? 1 : 0;
            }
        } catch (IOException | DirectoryIteratorException e) {
            return Math.max(1, count);
        }
        return count;
    }

    private static boolean mayWait(Path stat) throws IOException {
        try {
            String line = Files.readString(stat, StandardCharsets.ISO_8859_1);
            // The command may hold blanks and brackets; the last bracket ends it.
            String[] fields = line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
            return (Long.parseLong(fields[FLAGS_FIELD]) & NO_IO_FLAG) == 0;
        } catch (NoSuchFileException e) {
            return false; // the thread has ended
        }
    }
}
