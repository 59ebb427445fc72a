package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.Immutable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How much memory the host has. */
@Immutable
final class HostMemory {
    private HostMemory() {}

    /** Returns the total, in bytes. */
    static long totalBytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
            if (line.startsWith("MemTotal:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        throw new IOException("/proc/meminfo has no MemTotal");
    }
}
