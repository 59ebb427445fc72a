package io.ashlar.client.session;

import com.google.errorprone.annotations.Immutable;
import java.net.InetSocketAddress;

/** A node's address as people write it: {@code HOST}, {@code HOST:PORT}, {@code [V6]:PORT}. */
@Immutable
public final class NodeAddress {
    /** Where a node listens unless told otherwise. */
    public static final int DEFAULT_PORT = 7440;

    private NodeAddress() {}

    /**
     * Reads and resolves an address. Blocks for the name service.
     *
     * @throws IllegalArgumentException with a message for the user
     */
    public static InetSocketAddress parse(String text) {
        int colon = text.lastIndexOf(':');
        boolean hasPort = colon >= 0 && (text.indexOf(':') == colon || text.charAt(colon - 1) == ']');
        String host = (hasPort ? text.substring(0, colon) : text).replaceAll("^\\[|]$", "");
        String port = hasPort ? text.substring(colon + 1) : String.valueOf(DEFAULT_PORT);
        if (host.isEmpty() || !port.matches("[0-9]{1,5}") || Integer.parseInt(port) > 65535) {
            throw new IllegalArgumentException("'" + text + "' is not an address; write it like 127.0.0.1:7440");
        }
        InetSocketAddress address = new InetSocketAddress(host, Integer.parseInt(port));
        if (address.isUnresolved()) {
            throw new IllegalArgumentException("unknown host '" + host + "'");
        }
        return address;
    }
}
