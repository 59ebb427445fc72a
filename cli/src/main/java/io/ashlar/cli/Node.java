package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.client.admin.AdminClient;
import io.ashlar.client.admin.AdminException;
import io.ashlar.protocol.message.AdminAnswer;
import io.ashlar.protocol.message.AdminRequest;
import java.net.InetSocketAddress;

/** One command's conversation with a node: refusals and failures become the user's one line. */
@ConfinedTo(LoopKind.OWNER)
final class Node {
    private Node() {}

    /** Asks and returns the answer; a {@link Failure} says why there is none. */
    static AdminAnswer ask(InetSocketAddress node, AdminRequest request) {
        try (AdminClient client = AdminClient.connect(node)) {
            return client.ask(request);
        } catch (AdminException e) {
            if (e.isUnreachable()) {
                throw Failure.unreachable(e.getMessage() + "; is it running, and is --server right?", e);
            }
            throw Failure.failed(e.getMessage(), e);
        }
    }
}
