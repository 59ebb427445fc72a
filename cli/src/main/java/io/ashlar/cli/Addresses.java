package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import java.net.InetSocketAddress;

/** Reads {@code HOST:PORT} and {@code [IPV6]:PORT}. */
@Immutable
final class Addresses {
    private static final int PORT_MAX = 65535;

    private Addresses() {}

    /** Returns the address as people write it. */
    static String text(InetSocketAddress address) {
        String host = address.getHostString();
        return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + address.getPort();
    }

    /** Returns the resolved address; a {@link Failure} names the option and what is wrong with its value. */
    static InetSocketAddress parse(String text, String option) {
        InetSocketAddress named = unresolved(text, option);
        InetSocketAddress address = new InetSocketAddress(named.getHostString(), named.getPort());
        if (address.isUnresolved()) {
            throw Failure.failed(option + ": no address found for host '" + named.getHostString() + "'");
        }
        return address;
    }

    /** Reads it only: nobody is asked where the host is. */
    static InetSocketAddress unresolved(String text, String option) {
        int colon = text.lastIndexOf(':');
        String host = colon < 0 ? text : text.substring(0, colon);
        String port = colon < 0 ? "" : text.substring(colon + 1);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        if (host.isEmpty() || !port.matches("[0-9]{1,5}") || Integer.parseInt(port) > PORT_MAX) {
            throw Failure.failed(option + ": '" + text + "' is not HOST:PORT, such as 127.0.0.1:7440");
        }
        return InetSocketAddress.createUnresolved(host, Integer.parseInt(port));
    }
}
