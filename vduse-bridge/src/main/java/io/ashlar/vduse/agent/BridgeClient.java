package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Talks to a bridge through its control socket. Each call blocks until the bridge has answered. */
@ConfinedTo(LoopKind.OWNER)
public final class BridgeClient implements AutoCloseable {
    private static final BridgeRequest LIST = new BridgeRequest(BridgeRequest.LIST, null, false, false, false);

    private final JsonLines lines;

    private BridgeClient(JsonLines lines) {
        this.lines = lines;
    }

    /** Connects. */
    public static BridgeClient connect(Path controlSocket) throws IOException {
        try {
            return new BridgeClient(new JsonLines(
                    SocketChannel.open(UnixDomainSocketAddress.of(controlSocket)), JsonLines.ANSWER_BYTES_MAX));
        } catch (IOException e) {
            String why = Files.exists(controlSocket) ? e.getMessage() : "there is no such socket";
            throw new BridgeException("no bridge answers at " + controlSocket + " (" + why + "); is it running?", e);
        }
    }

    /** Attaches a volume; returns once its block device is there. */
    public Attachment attach(String name, boolean readOnly, boolean steal) throws IOException {
        return ask(new BridgeRequest(BridgeRequest.ATTACH, name, readOnly, steal, false))
                .attachments()
                .get(0);
    }

    /**
     * Attaches a volume for vhost-user front ends; returns once they can connect.
     *
     * @param socket where; an absolute path
     * @param queues virtqueues, 0 as the bridge is configured
     */
    public Attachment attachVhostUser(String name, boolean readOnly, boolean steal, Path socket, int queues)
            throws IOException {
        return ask(new BridgeRequest(BridgeRequest.ATTACH, name, readOnly, steal, false, socket.toString(), queues, 0))
                .attachments()
                .get(0);
    }

    /** Detaches a volume. */
    public Detachment detach(String name, boolean force) throws IOException {
        BridgeAnswer answer = ask(new BridgeRequest(BridgeRequest.DETACH, name, false, false, force));
        return new Detachment(answer.staying().isEmpty(), answer.failedRequests());
    }

    /** Returns everything attached. */
    public List<Attachment> attachments() throws IOException {
        return ask(LIST).attachments();
    }

    /** The same, of a bridge that must answer in time. */
    List<Attachment> attachments(long timeoutNs) throws IOException {
        lines.write(ControlJson.toBytes(LIST));
        return answer(lines.read(timeoutNs)).attachments();
    }

    /** Detaches what nobody uses; returns a line for each volume that stays. */
    public List<String> drain() throws IOException {
        return ask(new BridgeRequest(BridgeRequest.DRAIN, null, false, false, false))
                .staying();
    }

    /**
     * Asks the bridge to let go of all its devices for this process, which then says {@link #taken}, or closes the connection
     * if it does not want them after all.
     *
     * @return the devices; null if the connection ended without an answer
     * @throws BridgeException if the bridge refuses: it goes on as if nothing had been asked
     */
    List<String> handOver(long timeoutNs) throws IOException {
        lines.write(ControlJson.toBytes(new BridgeRequest(
                BridgeRequest.HANDOVER, ProcessHandle.current().pid())));
        byte[] line = lines.read(timeoutNs);
        return line == null ? null : answer(line).staying();
    }

    /** Says that this process goes on with the devices; the bridge ends then. */
    void taken() throws IOException {
        lines.write(ControlJson.toBytes(
                new BridgeRequest(BridgeRequest.TAKEN, ProcessHandle.current().pid())));
    }

    /** Returns whether the bridge has said anything to {@link #taken}, which only one does that had stopped waiting for it. */
    boolean hasObjected() {
        try {
            return lines.read(0) != null;
        } catch (IOException e) {
            return false; // it is silent, or has gone
        }
    }

    private BridgeAnswer ask(BridgeRequest request) throws IOException {
        lines.write(ControlJson.toBytes(request));
        return answer(lines.read());
    }

    private static BridgeAnswer answer(byte[] line) throws IOException {
        if (line == null) {
            throw new BridgeException("the bridge has closed the connection without an answer");
        }
        BridgeAnswer answer = ControlJson.toAnswer(line);
        if (answer.error() != null) {
            throw new BridgeException(answer.error());
        }
        return answer;
    }

    @Override
    public void close() throws IOException {
        lines.close();
    }
}
