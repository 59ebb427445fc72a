package io.ashlar.vduse.agent;

import java.util.List;

/**
 * One line from a bridge, as JSON.
 *
 * @param error why it was not done, in one line; null if it was
 * @param attachments attach: the new one; list: all
 * @param staying drain: a line for each volume that stays; handover: the devices that wait for the one who asked; detach: the
 *     volume, if its node could not be told
 * @param failedRequests detach: see {@link Detachment}; missing in what older bridges say
 */
record BridgeAnswer(String error, List<Attachment> attachments, List<String> staying, long failedRequests) {
    static BridgeAnswer failed(String error) {
        return new BridgeAnswer(error, List.of(), List.of(), 0);
    }

    static BridgeAnswer of(String name, Detachment detachment) {
        return new BridgeAnswer(
                null, List.of(), detachment.givenBack() ? List.of() : List.of(name), detachment.failedRequests());
    }

    static BridgeAnswer staying(List<String> staying) {
        return new BridgeAnswer(null, List.of(), staying, 0);
    }

    static BridgeAnswer of(List<Attachment> attachments) {
        return new BridgeAnswer(null, attachments, List.of(), 0);
    }
}
