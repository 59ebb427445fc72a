package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.net.EpollLoop;
import io.ashlar.base.time.Clock;
import io.ashlar.client.admin.AdminException;
import io.ashlar.client.session.SessionConfig;
import io.ashlar.client.volume.AccessMode;
import io.ashlar.client.volume.AttachException;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.client.volume.VolumeOptions;
import io.ashlar.protocol.message.Holder;
import io.ashlar.protocol.message.VolumeInfo;
import io.ashlar.store.catalogue.Attachment;
import io.ashlar.vduse.agent.VolumeOpener;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;

/** Where the bridge and exports get volumes from: the node that has one, under this host's stable id. */
@Immutable
@SuppressWarnings("Immutable") // an unmodifiable list of addresses, which, resolved once, do not change
final class RemoteVolumes {
    private static final Path MACHINE_ID = Path.of("/etc/machine-id");

    /** How long opening may take: a node that has just started on a slow machine needs a while for its first answer. */
    static final int ATTACH_MS = 30_000;

    /**
     * How long a look at a volume before a handover may take: nobody waits for it, and a node that is away is known sooner. Less
     * than the look at all of them may take, whose end says less of the reason.
     */
    private static final int CHECK_MS = 60_000;
    /** What such a look may take at least, however long the search for the node that has the volume has taken. */
    private static final int CHECK_MS_MIN = 10_000;

    /**
     * What each step may take, of finding the node among several, asking it who holds a volume, and opening that, where the node is
     * to be told that nobody uses it any more.
     */
    private static final int REOPEN_MS = 3_000;

    private final List<InetSocketAddress> nodes;
    private final int ioTimeoutMs;
    private final String role;
    private final int attachMs;

    RemoteVolumes(List<InetSocketAddress> nodes, int ioTimeoutMs) {
        this(nodes, ioTimeoutMs, "");
    }

    /**
     * Prepares the opening of volumes for something else than the bridge.
     *
     * @param role behind the host's id: a host's bridge takes its own volumes back without asking, nobody else's
     */
    RemoteVolumes(List<InetSocketAddress> nodes, int ioTimeoutMs, String role) {
        this(nodes, ioTimeoutMs, role, ATTACH_MS);
    }

    /** Prepares the opening of volumes from nodes that are searched for one as long as this, and waited for again when it has it. */
    RemoteVolumes(List<InetSocketAddress> nodes, int ioTimeoutMs, String role, int attachMs) {
        this.nodes = List.copyOf(nodes);
        this.ioTimeoutMs = ioTimeoutMs;
        this.role = role;
        this.attachMs = attachMs;
    }

    /** Returns an opener whose control connections live on the loop. */
    VolumeOpener on(EpollLoop loop) {
        return new Opener(this, loop, hostId(role));
    }

    private record Opener(RemoteVolumes from, EpollLoop loop, String host) implements VolumeOpener {
        @Override
        public OpenedVolume open(String name, boolean readOnly, boolean steal) throws IOException {
            AccessMode mode = steal ? AccessMode.STEAL : readOnly ? AccessMode.READ_ONLY : AccessMode.READ_WRITE;
            return opened(open(name, mode, from.attachMs, from.attachMs));
        }

        @Override
        public OpenedVolume reopen(String name, UUID id, long heldSinceMs) throws IOException {
            try {
                InetSocketAddress node = VolumeLookup.find(from.nodes, name, REOPEN_MS, REOPEN_MS);
                VolumeInfo now = VolumeLookup.show(node, name, REOPEN_MS);
                if (!id.equals(uuid(now.getVolumeId().toByteArray()))) {
                    throw new IOException("the volume " + name + " on " + Addresses.text(node) + " is another one");
                }
                Holder holder = now.getHolder();
                boolean isHeld = holder.getHostId().equals(host) && holder.getSinceMs() == heldSinceMs;
                return isHeld ? opened(open(node, name, AccessMode.READ_WRITE, REOPEN_MS)) : null;
            } catch (AttachException | AdminException | Failure e) {
                throw new IOException(e.getMessage(), e);
            }
        }

        private static OpenedVolume opened(RemoteVolume volume) {
            return new OpenedVolume(
                    volume,
                    uuid(volume.volumeId()),
                    volume.heldSinceMs(),
                    new Boot(volume),
                    volume::abandon,
                    volume::isGivenBack);
        }

        /** Opens it beside its writer, and has all code for that loaded when it counts. */
        @Override
        public void check(String name, UUID id) throws IOException {
            RemoteVolume volume = open(name, AccessMode.READ_ONLY, CHECK_MS, CHECK_MS_MIN);
            UUID found = uuid(volume.volumeId());
            volume.abandon(); // the end of its connection is enough
            if (!id.equals(found)) {
                throw new IOException("the volume " + name + " on " + from.nodes + " is another one");
            }
        }

        /** Finds the node and attaches within the timeout, but gives the attaching itself its minimum. */
        private RemoteVolume open(String name, AccessMode mode, int timeoutMs, int attachMsMin) throws IOException {
            long startNs = Clock.SYSTEM.nowNs();
            try {
                InetSocketAddress node =
                        VolumeLookup.find(from.nodes, name, timeoutMs, Math.min(timeoutMs, from.attachMs));
                long gone = TimeUnit.NANOSECONDS.toMillis(Clock.SYSTEM.nowNs() - startNs);
                return open(node, name, mode, (int) Math.max(attachMsMin, timeoutMs - gone));
            } catch (AttachException | Failure e) {
                throw new IOException(e.getMessage(), e);
            }
        }

        private RemoteVolume open(InetSocketAddress node, String name, AccessMode mode, int attachMs)
                throws AttachException {
            SessionConfig session = SessionConfig.of(node, host);
            VolumeOptions options =
                    new VolumeOptions(session, name, mode, VolumeOptions.REQUESTS_MAX, attachMs, from.ioTimeoutMs);
            return RemoteVolume.open(options, loop);
        }
    }

    /** What a volume's unflushed writes depend on, as text. */
    private record Boot(RemoteVolume volume) implements VolumeOpener.NodeBoot {
        @Override
        public String id() {
            return HexFormat.of().formatHex(volume.nodeBootId());
        }

        @Override
        public void onChange(Runnable listener) {
            volume.onNodeRestart(listener);
        }

        @Override
        public void continueFrom(String idBefore) {
            volume.continueFrom(HexFormat.of().parseHex(idBefore));
        }
    }

    /**
     * Returns what a node knows something on this host by. What it would not take in a name is replaced, and a checksum of
     * the whole keeps two roles apart that look the same then.
     */
    static String hostId(String role) {
        String whole = hostId() + role;
        String plain = whole.replaceAll("[^A-Za-z0-9._:-]", "_");
        if (plain.equals(whole) && whole.length() <= Attachment.HOST_ID_CHARS_MAX) {
            return whole;
        }
        CRC32C crc = new CRC32C();
        crc.update(whole.getBytes(StandardCharsets.UTF_8));
        String mark = String.format("-%08x", crc.getValue());
        return plain.substring(0, Math.min(plain.length(), Attachment.HOST_ID_CHARS_MAX - mark.length())) + mark;
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
