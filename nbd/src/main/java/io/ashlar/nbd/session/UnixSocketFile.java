package io.ashlar.nbd.session;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file of a listening Unix socket. It is made in a folder of its own that nobody else can enter, closed to others, and
 * only then moved to its place: at no moment can another user connect. Moving replaces what a dead server has left; a
 * living one's socket, and what is no socket, is not touched.
 */
@ConfinedTo(LoopKind.OWNER)
final class UnixSocketFile {
    private static final Logger LOG = LoggerFactory.getLogger(UnixSocketFile.class);
    /** sockaddr_un's sun_path, with the zero at its end (unix(7)). */
    private static final int PATH_BYTES_MAX = 107;

    private final Path path;
    private final Path folder;
    private Object key;

    private UnixSocketFile(Path path, Path folder) {
        this.path = path;
        this.folder = folder;
    }

    /** Looks whether the path may be taken, and makes the folder. */
    static UnixSocketFile prepare(Path wanted) throws IOException {
        checkFree(wanted);
        Path path = wanted.toAbsolutePath();
        UnixSocketFile file = new UnixSocketFile(path, folderFor(path));
        file.tidyUp();
        Files.createDirectory(
                file.folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        return file;
    }

    private static Path folderFor(Path path) {
        return path.resolveSibling("." + ProcessHandle.current().pid());
    }

    /** Looks whether the path may be taken. */
    static void checkFree(Path wanted) throws IOException {
        Path path = wanted.toAbsolutePath();
        if (path.getParent() == null || !Files.isDirectory(path.getParent())) {
            throw new IOException("can't listen on " + wanted + ": there is no folder " + path.getParent());
        }
        if (Math.max(path.toString().length(), folderFor(path).toString().length() + 2) > PATH_BYTES_MAX) {
            throw new IOException("can't listen on " + wanted + ": the path of a socket has at most " + PATH_BYTES_MAX
                    + " characters");
        }
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            refuseUnlessStale(path);
        }
    }

    private static void refuseUnlessStale(Path path) throws IOException {
        if (!Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .isOther()) {
            throw new IOException("can't listen on " + path + ": it exists and is no socket");
        }
        boolean answered;
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            answered = probe.connect(UnixDomainSocketAddress.of(path));
        } catch (IOException e) {
            LOG.debug("nobody listens on {}: {}", path, e.getMessage());
            answered = false;
        }
        if (answered) {
            throw new IOException("can't listen on " + path + ": somebody else does");
        }
    }

    /** Returns where to bind to. */
    Path bindingPath() {
        return folder.resolve("s");
    }

    /** Lets only this user connect, and puts the socket in its place. */
    void publish() throws IOException {
        Files.setPosixFilePermissions(bindingPath(), PosixFilePermissions.fromString("rw-------"));
        Files.move(bindingPath(), path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        key = keyOf(path);
    }

    /** Removes the folder, and a socket that was left in it. */
    void tidyUp() throws IOException {
        Files.deleteIfExists(bindingPath());
        Files.deleteIfExists(folder);
    }

    /** Removes the socket, unless another server has put its own there. */
    void remove() {
        try {
            if (key.equals(keyOf(path))) {
                Files.delete(path);
            }
        } catch (IOException e) {
            LOG.debug("{} is gone: {}", path, e.getMessage());
        }
    }

    private static Object keyOf(Path path) throws IOException {
        return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .fileKey();
    }
}
