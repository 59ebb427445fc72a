package io.ashlar.client.session;

import io.ashlar.base.status.Status;
import io.ashlar.protocol.message.ErrorDetail;

/**
 * Why a node, or the way to it, said no.
 *
 * @param status never OK
 * @param message one line for people
 * @param detail what the node sent with it, or the default instance
 */
public record Refusal(Status status, String message, ErrorDetail detail) {
    /** Makes a refusal out of an answer: the node's own words where it has any. */
    public static Refusal of(Status status, ErrorDetail detail) {
        String message = detail.getMessage().isEmpty() ? status.text() : detail.getMessage();
        return new Refusal(status, message, detail);
    }

    /** Makes a refusal that no node spoke. */
    public static Refusal unreachable(String message) {
        return new Refusal(Status.UNAVAILABLE, message, ErrorDetail.getDefaultInstance());
    }
}
