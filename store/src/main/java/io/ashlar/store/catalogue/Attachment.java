package io.ashlar.store.catalogue;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.regex.Pattern;

/**
 * One host's right to write one volume, held or over. The number that fences it is the volume's epoch.
 *
 * @param hostId who: 1 to {@value #HOST_ID_CHARS_MAX} characters of {@code [A-Za-z0-9._:-]}
 * @param sinceMs since when the host has it, wall clock in milliseconds since 1970, over restarts of its bridge; no
 *     two attachments of a volume have the same
 * @param stolen whether it was taken from another host that had not let go
 * @param endedMs when it was given back cleanly, or 0 while it is held
 */
public record Attachment(String hostId, long sinceMs, boolean stolen, long endedMs) {
    /** Longest host id; room for a host name (RFC 1035: 63 a label) with a prefix, far below a file's limits. */
    public static final int HOST_ID_CHARS_MAX = 128;

    private static final Pattern HOST_ID = Pattern.compile("[A-Za-z0-9._:-]{1," + HOST_ID_CHARS_MAX + "}");

    /** Checks the components. */
    public Attachment {
        if (!isHostId(hostId)) {
            throw new IllegalArgumentException("not a host id");
        }
    }

    /** Returns whether the text can be a host id; it then fits a log line and the catalogue. */
    public static boolean isHostId(String text) {
        return HOST_ID.matcher(text).matches();
    }

    /** Returns whether the host still has it. */
    public boolean isHeld() {
        return endedMs == 0;
    }

    /** Returns whether the host holds it. */
    public boolean isHeldBy(String host) {
        return isHeld() && hostId.equals(host);
    }

    /** Returns who holds it, for people: {@code held by host-a since 2026-01-31T12:00:00Z}. */
    public String describe() {
        return "held by " + hostId + " since " + Instant.ofEpochMilli(sinceMs).truncatedTo(ChronoUnit.SECONDS);
    }

    /** Returns this attachment, given back. */
    Attachment ended(long nowMs) {
        return new Attachment(hostId, sinceMs, stolen, Math.max(1, nowMs));
    }
}
