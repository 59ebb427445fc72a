package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/** The path that a device listens at, while it does. A socket that a dead process has left there is replaced. */
@ConfinedTo(LoopKind.OWNER)
final class SocketFile {
    private final Path path;
    private final UnixSocket socket;
    private final Object key;

    private SocketFile(Path path, UnixSocket socket) throws IOException {
        this.path = path;
        this.socket = socket;
        key = attributes(path).fileKey();
    }

    /** Listens. */
    static SocketFile listen(Path path) throws IOException {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            removeStale(path);
        }
        return new SocketFile(path, UnixSocket.listen(path));
    }

    private static void removeStale(Path path) throws IOException {
        if (!attributes(path).isOther()) {
            throw new IOException(path + " exists and is not a socket");
        }
        if (UnixSocket.isListenedTo(path)) {
            throw new IOException("somebody listens on " + path + " already");
        }
        Files.delete(path);
    }

    private static BasicFileAttributes attributes(Path path) throws IOException {
        return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    }

    /** The socket, which whoever listens closes. */
    UnixSocket socket() {
        return socket;
    }

    /** Removes the path if it is still this socket's. */
    void remove() throws IOException {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                && key.equals(attributes(path).fileKey())) {
            Files.delete(path);
        }
    }
}
