package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.client.session.SessionConfig;
import io.ashlar.client.volume.AccessMode;
import io.ashlar.client.volume.AttachException;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.client.volume.VolumeOptions;
import io.ashlar.vduse.agent.VolumeOpener;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/** Where the bridge gets volumes from: a node, under this host's stable id. */
@Immutable
@SuppressWarnings("Immutable") // an address that was resolved once does not change
final class RemoteVolumes {
    private static final Path MACHINE_ID = Path.of("/etc/machine-id");

    /** How long opening may take: a node that has just started on a slow machine needs a while for its first answer. */
    private static final int ATTACH_MS = 30_000;

    private final InetSocketAddress node;
    private final int ioTimeoutMs;

    RemoteVolumes(InetSocketAddress node, int ioTimeoutMs) {
        this.node = node;
        this.ioTimeoutMs = ioTimeoutMs;
    }

    /** Returns an opener whose control connections live on the loop. */
    VolumeOpener on(EpollLoop loop) {
        String host = hostId();
        return (name, readOnly, steal) -> {
            AccessMode mode = steal ? AccessMode.STEAL : readOnly ? AccessMode.READ_ONLY : AccessMode.READ_WRITE;
            VolumeOptions options = new VolumeOptions(
                    SessionConfig.of(node, host), name, mode, VolumeOptions.REQUESTS_MAX, ATTACH_MS, ioTimeoutMs);
            try {
                RemoteVolume volume = RemoteVolume.open(options, loop);
                return new VolumeOpener.OpenedVolume(volume, uuid(volume.volumeId()));
            } catch (AttachException e) {
                throw new IOException(e.getMessage(), e);
            }
        };
    }

    /** Returns a name for this host that survives restarts: the machine id of systemd, else the host name. */
    static String hostId() {
        try {
            String id = Files.readString(MACHINE_ID).trim();
            if (!id.isEmpty()) {
                return hostName() + "-" + id.substring(0, Math.min(8, id.length()));
            }
        } catch (IOException e) {
            return hostName(); // a host without systemd has no machine id
        }
        return hostName();
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    private static UUID uuid(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return new UUID(buffer.getLong(), buffer.getLong());
    }
}
