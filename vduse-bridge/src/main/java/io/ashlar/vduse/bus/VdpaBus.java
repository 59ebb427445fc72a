package io.ashlar.vduse.bus;

import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.sys.Errno;
import io.ashlar.base.sys.Linux;
import io.ashlar.vduse.bus.GenericNetlink.Attribute;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Adds VDUSE devices to the vDPA bus and removes them, by generic netlink. Adding returns after the driver has probed the
 * device and read its partition table, removing after its I/O has ended and the driver has reset it; meanwhile the
 * device's loops must answer, so a call never runs on a loop but on the bus's own thread. The kernel does one at a time for
 * the whole host.
 *
 * <p>A future fails with {@link VdpaException}.
 */
@ThreadSafe
public final class VdpaBus implements AutoCloseable {
    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW = 3;
    private static final int NETLINK_GENERIC = 16;
    private static final String MANAGEMENT_DEVICE = "vduse";
    /** Larger than any answer we ask for. */
    private static final int BUFFER_BYTES = 8192;

    private final ExecutorService thread = Executors.newSingleThreadExecutor(task -> {
        Thread created = new Thread(task, "vdpa-bus");
        created.setDaemon(true);
        return created;
    });

    /** Adds the VDUSE device of that name to the bus. */
    public CompletableFuture<Void> add(String name) {
        return call(
                "can't put " + name + " on the vDPA bus",
                GenericNetlink.CMD_DEV_NEW,
                new Attribute(GenericNetlink.ATTR_DEV_NAME, name),
                new Attribute(GenericNetlink.ATTR_MGMTDEV_NAME, MANAGEMENT_DEVICE));
    }

    /** Removes the device from the bus. */
    public CompletableFuture<Void> remove(String name) {
        return call(
                "can't take " + name + " off the vDPA bus",
                GenericNetlink.CMD_DEV_DEL,
                new Attribute(GenericNetlink.ATTR_DEV_NAME, name));
    }

    /** Completes if the device is on the bus, else fails with ENODEV. */
    public CompletableFuture<Void> find(String name) {
        return call(
                "can't find " + name + " on the vDPA bus",
                GenericNetlink.CMD_DEV_GET,
                new Attribute(GenericNetlink.ATTR_DEV_NAME, name));
    }

    private CompletableFuture<Void> call(String failure, int command, Attribute... attributes) {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        converse(failure, command, attributes);
                    } catch (VdpaException e) {
                        throw new CompletionException(e);
                    }
                },
                thread);
    }

    private static void converse(String failure, int command, Attribute... attributes) throws VdpaException {
        int socket = Linux.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
        if (socket < 0) {
            throw new VdpaException(failure + ": no netlink socket (" + Errno.describe(socket) + ")", -socket);
        }
        try {
            int family = familyOf(socket, failure);
            byte[] request = GenericNetlink.request(family, command, 2, attributes);
            int result = acknowledged(socket, request, 2, new byte[BUFFER_BYTES]);
            if (result < 0) {
                throw new VdpaException(failure + ": " + reason(command, result), -result);
            }
        } finally {
            Linux.close(socket);
        }
    }

    private static int familyOf(int socket, String failure) throws VdpaException {
        byte[] request = GenericNetlink.request(
                GenericNetlink.TYPE_CONTROL,
                GenericNetlink.CMD_GET_FAMILY,
                1,
                new Attribute(GenericNetlink.ATTR_FAMILY_NAME, "vdpa"));
        long sent = Linux.send(socket, request, 0);
        byte[] answer = new byte[BUFFER_BYTES];
        long length = sent < 0 ? sent : Linux.receive(socket, answer, 0);
        if (length < 0) {
            throw new VdpaException(failure + ": netlink failed (" + Errno.describe(length) + ")", (int) -length);
        }
        int family = GenericNetlink.familyId(answer, (int) length);
        if (family < 0) {
            throw new VdpaException(
                    failure + ": the kernel has no vDPA bus here; 'modprobe vdpa virtio_vdpa', and run the bridge in"
                            + " the host's network namespace",
                    Errno.ENOENT);
        }
        return family;
    }

    private static int acknowledged(int socket, byte[] request, int sequence, byte[] buffer) {
        long sent = Linux.send(socket, request, 0);
        if (sent < 0) {
            return (int) sent;
        }
        while (true) {
            long length = Linux.receive(socket, buffer, 0);
            if (length < 0 && length != -Errno.EINTR) {
                return (int) length;
            }
            int result = GenericNetlink.acknowledgement(buffer, (int) Math.max(0, length), sequence);
            if (result != Integer.MAX_VALUE) {
                return result;
            }
        }
    }

    private static String reason(int command, int result) {
        String adding =
                switch (-result) {
                    case Errno.EEXIST -> "it is there already";
                    case Errno.EINVAL ->
                        "the kernel knows no VDUSE device of that name, or one of its queues is not set up";
                    case Errno.ENODEV -> "the vduse module is not loaded";
                    case Errno.ENOMEM -> "the kernel is out of memory";
                    default -> null;
                };
        String removing = -result == Errno.ENODEV ? "it is not there" : null;
        String common = -result == Errno.EPERM ? "that takes CAP_NET_ADMIN" : null;
        String special = command == GenericNetlink.CMD_DEV_NEW ? adding : removing;
        String words = common != null ? common : special;
        return words == null ? Errno.describe(result) : words + " (" + Errno.describe(result) + ")";
    }

    /** Ends the thread once what runs on it has ended; waits a moment for that. */
    @Override
    public void close() {
        thread.shutdown();
        try {
            thread.awaitTermination(1, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
