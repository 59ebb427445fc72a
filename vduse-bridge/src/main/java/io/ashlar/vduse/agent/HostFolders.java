package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.Immutable;
import java.nio.file.Path;

/**
 * The host's file systems; elsewhere in tests.
 *
 * @param proc where procfs is
 * @param sys where sysfs is
 * @param dev where the device nodes are
 */
@Immutable
@SuppressWarnings("Immutable") // Path is immutable, though Error Prone does not know it.
public record HostFolders(Path proc, Path sys, Path dev) {
    /** The real ones. */
    public static final HostFolders REAL = new HostFolders(Path.of("/proc"), Path.of("/sys"), Path.of("/dev"));
}
