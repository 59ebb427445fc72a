package io.ashlar.server.config;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a node listens: {@code 127.0.0.1:7440}, {@code [::1]:7440}, {@code localhost:0}.
 *
 * @param host an address or a name, without brackets
 * @param port 0 to 65535; 0 lets the kernel choose
 */
public record ListenAddress(String host, int port) {
    private static final Pattern FORM =
            Pattern.compile("\\[([0-9a-fA-F:.%]+)]:([0-9]{1,5})|([^:\\[\\]\\s]+):([0-9]{1,5})");

    /** Checks the components. */
    public ListenAddress {
        if (host.isEmpty() || port < 0 || port > 0xFFFF) {
            throw new IllegalArgumentException("port " + port + " is not between 0 and 65535");
        }
    }

    /**
     * Reads {@code HOST:PORT}.
     *
     * @throws IllegalArgumentException with a line for the user
     */
    public static ListenAddress parse(String text) {
        Matcher matcher = FORM.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not an address; write HOST:PORT, such as 127.0.0.1:7440 or [::1]:7440");
        }
        boolean bracketed = matcher.group(1) != null;
        return new ListenAddress(matcher.group(bracketed ? 1 : 3), Integer.parseInt(matcher.group(bracketed ? 2 : 4)));
    }

    /**
     * Looks the host up.
     *
     * @throws IllegalArgumentException with a line for the user when there is no such host
     */
    public InetSocketAddress resolve() {
        try {
            return new InetSocketAddress(InetAddress.getByName(host), port);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("there is no host '" + host + "' to listen on", e);
        }
    }

    @Override
    public String toString() {
        return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
    }
}
