package io.ashlar.vduse.agent;

import java.util.List;

/**
 * One line from a bridge, as JSON.
 *
 * @param error why it was not done, in one line; null if it was
 * @param attachments attach: the new one; list: all
 * @param staying drain: a line for each volume that stays; handover: the devices that wait for the one who asked; detach: the
 *     volume, if its node could not be told
 */
record BridgeAnswer(String error, List<Attachment> attachments, List<String> staying) {
    static BridgeAnswer failed(String error) {
        return new BridgeAnswer(error, List.of(), List.of());
    }

    static BridgeAnswer of(List<Attachment> attachments) {
        return new BridgeAnswer(null, attachments, List.of());
    }
}
