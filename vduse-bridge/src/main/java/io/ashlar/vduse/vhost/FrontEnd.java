package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.sys.Linux;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.inflight.DeviceIdentity;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * The conversation with one front end, from its connection to its end: does what each message says, one after the other
 * ("Front-end message types"). What can't be done is answered so where the front end wants answers ({@code REPLY_ACK}), and
 * ends the connection otherwise; so does what breaks the protocol. The rings outlive it, empty.
 */
@ConfinedTo(LoopKind.CONTROL)
final class FrontEnd implements MessageChannel.Handler {
    /** VHOST_VRING_F_LOG: log the pages that are written, for live migration; not offered. */
    private static final int LOG_WRITES = 1;

    private final FrontEndLog log;
    private final Rings rings;
    private final DeviceIdentity identity;
    private final Supplier<VirtioBlkConfig> config;
    private final Closer closer;
    private final Runnable whenEnded;
    private MessageChannel channel;
    private VhostMessage message;
    private Descriptors descriptors;
    private long protocolFeatures;
    private long features;
    private BackEndChannel backEnd;

    /**
     * Creates the conversation.
     *
     * @param identity of the attachment, which its log of requests in flight must have
     * @param config the device as it is now
     * @param closer closes what has come from the front end
     * @param whenEnded runs when the connection has ended and no ring is served any more
     */
    FrontEnd(
            FrontEndLog log,
            Rings rings,
            DeviceIdentity identity,
            Supplier<VirtioBlkConfig> config,
            Closer closer,
            Runnable whenEnded) {
        this.log = log;
        this.rings = rings;
        this.identity = identity;
        this.config = config;
        this.closer = closer;
        this.whenEnded = whenEnded;
    }

    /** Starts it. */
    void open(MessageChannel newChannel) {
        channel = newChannel;
        channel.open();
    }

    void end(String why) {
        channel.end(why);
    }

    /** Tells the front end that the configuration space has changed, if it wants to know. */
    void configChanged() {
        if (backEnd != null) {
            backEnd.configChanged();
        }
    }

    @Override
    public void onEnd(String why) {
        log.info("front end gone: " + why);
        setBackEnd(null);
        rings.abandon(() -> {
            rings.memory().replace(List.of());
            rings.dropKeptLog();
            whenEnded.run();
        });
    }

    @Override
    public void onMessage(VhostMessage newMessage, Descriptors newDescriptors) {
        message = newMessage;
        descriptors = newDescriptors;
        try {
            handle(message.request());
        } catch (IOException e) {
            acknowledge(e.getMessage());
        }
    }

    private void handle(VhostRequest request) throws IOException {
        switch (request) {
            case GET_FEATURES -> reply(message.toReplyOf(offered()));
            case SET_FEATURES -> setFeatures();
            case GET_PROTOCOL_FEATURES -> reply(message.toReplyOf(ProtocolFeature.all()));
            case SET_PROTOCOL_FEATURES -> setProtocolFeatures();
            case GET_QUEUE_NUM -> reply(message.toReplyOf(rings.count()));
            case GET_MAX_MEM_SLOTS -> reply(message.toReplyOf(GuestMemory.SLOTS_MAX));
            case GET_CONFIG -> reply(message.toConfig(config.get().toBytes()));
            case SET_CONFIG -> throw new IOException("nothing in the configuration space can be written");
            case SET_MEM_TABLE -> setMemoryTable();
            case ADD_MEM_REG -> addMemoryRegion();
            case REM_MEM_REG -> removeMemoryRegion();
            case SET_BACKEND_REQ_FD -> setBackEndSocket();
            case SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_ENABLE ->
                handleRing(request, message.ring());
            case SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR -> handleLine(request, message.descriptorRing());
            case GET_INFLIGHT_FD -> makeLog();
            case SET_INFLIGHT_FD -> takeLog();
            case RESET_DEVICE ->
                rings.abandon(() -> {
                    rings.forgetInFlight();
                    acknowledge(null);
                });
            // A connection has one owner; and what RESET_OWNER once was for, the end of the connection does.
            case SET_OWNER, RESET_OWNER -> acknowledge(null);
        }
    }

    private void handleRing(VhostRequest request, int i) throws IOException {
        Ring ring = rings.get(i);
        switch (request) {
            case SET_VRING_NUM -> {
                refuseIfServed(i);
                ring.setSize(message.num());
                acknowledge(null);
            }
            case SET_VRING_BASE -> {
                refuseIfServed(i);
                ring.setBase(message.num());
                rings.forgetOwnLog(i);
                acknowledge(null);
            }
            case SET_VRING_ADDR -> setAddresses(i, ring);
            case GET_VRING_BASE -> rings.stop(i, () -> reply(message.toRingBase(ring.base())));
            case SET_VRING_ENABLE -> setEnabled(i, ring, message.num() != 0);
            default -> throw new IOException(request + " is not about a ring");
        }
    }

    private void refuseIfServed(int i) throws IOException {
        if (rings.isServed(i)) {
            throw new IOException("ring " + i + " is in use");
        }
    }

    private void handleLine(VhostRequest request, int i) throws IOException {
        Ring ring = rings.get(i);
        int fd = message.isWithoutDescriptor() ? -1 : descriptors.takeEventFd();
        switch (request) {
            case SET_VRING_KICK -> {
                if (!FeatureSet.hasProtocolFeatures(features)) {
                    ring.setEnabled(true); // "If VHOST_USER_F_PROTOCOL_FEATURES has not been negotiated"
                }
                if (fd < 0) {
                    throw new IOException("a ring without kicks, which would have to be polled, is not supported");
                }
                rings.setKick(i, fd, this::acknowledge);
            }
            case SET_VRING_CALL -> rings.lines().setCall(i, fd, () -> acknowledge(null));
            default -> rings.lines().setError(i, fd, () -> acknowledge(null));
        }
    }

    private void setAddresses(int i, Ring ring) throws IOException {
        if ((message.addressFlags() & LOG_WRITES) != 0) {
            throw new IOException("a log of written pages is not offered");
        }
        boolean changed = ring.setAddresses(message.descriptorUser(), message.availUser(), message.usedUser());
        if (changed && rings.isServed(i)) {
            rings.move(i, this::acknowledge);
        } else {
            acknowledge(null);
        }
    }

    private void setEnabled(int i, Ring ring, boolean enabled) {
        if (enabled) {
            ring.setEnabled(true);
            rings.startIfReady(i, this::acknowledge);
        } else {
            rings.disable(i, () -> acknowledge(null));
        }
    }

    private long offered() {
        return FeatureSet.offered(config.get());
    }

    private void setFeatures() throws IOException {
        if ((message.value() & ~offered()) != 0) {
            throw new IOException("features 0x" + Long.toHexString(message.value() & ~offered()) + " were not offered");
        }
        features = message.value();
        rings.setFeatures(features);
        acknowledge(null);
    }

    private void setProtocolFeatures() throws IOException {
        if ((message.value() & ~ProtocolFeature.all()) != 0) {
            throw new IOException("protocol features 0x" + Long.toHexString(message.value()) + " were not offered");
        }
        protocolFeatures = message.value();
        acknowledge(null);
    }

    private void setMemoryTable() throws IOException {
        if (descriptors.count() != message.regionCount()) {
            throw new IOException(
                    message.regionCount() + " regions of memory with " + descriptors.count() + " descriptors");
        }
        List<GuestMemory.Region> table = new ArrayList<>();
        try {
            for (int i = 0; i < message.regionCount(); i++) {
                table.add(region(i));
            }
            checkOverlap(table);
        } catch (IOException e) {
            rings.memory().discard(table);
            throw e;
        }
        rings.setMemory(table, table, this::acknowledge);
    }

    private GuestMemory.Region region(int i) throws IOException {
        int at = VhostMessage.regionAt(i);
        GuestMemory.Region region = GuestMemory.region(
                message.regionGuest(at),
                message.regionBytes(at),
                message.regionUser(at),
                message.regionOffset(at),
                descriptors.get(i));
        descriptors.take(i);
        return region;
    }

    private static void checkOverlap(List<GuestMemory.Region> table) throws IOException {
        if (GuestMemory.overlap(table)) {
            throw new IOException("regions of memory overlap");
        }
    }

    private void addMemoryRegion() throws IOException {
        List<GuestMemory.Region> table = new ArrayList<>(rings.memory().regions());
        if (table.size() == GuestMemory.SLOTS_MAX) {
            throw new IOException("more than " + GuestMemory.SLOTS_MAX + " regions of memory");
        }
        GuestMemory.Region added = region(0);
        table.add(added);
        try {
            checkOverlap(table);
        } catch (IOException e) {
            rings.memory().discard(List.of(added));
            throw e;
        }
        rings.setMemory(table, List.of(added), this::acknowledge);
    }

    private void removeMemoryRegion() throws IOException {
        int at = VhostMessage.regionAt(0);
        List<GuestMemory.Region> table =
                rings.memory().without(message.regionGuest(at), message.regionBytes(at), message.regionUser(at));
        if (table == null) {
            throw new IOException("no such region of memory");
        }
        rings.setMemory(table, List.of(), this::acknowledge);
    }

    private void makeLog() throws IOException {
        DeviceIdentity wanted = logIdentity();
        int fd = KeptLog.create(wanted);
        try {
            message.toInflight(KeptLog.bytes(wanted));
            channel.reply(fd);
        } finally {
            Linux.close(fd);
        }
    }

    private void takeLog() throws IOException {
        DeviceIdentity expected = logIdentity();
        int fd = descriptors.get(0);
        rings.keepLog(KeptLog.open(expected, message.inflightBytes(), message.inflightOffset(), fd, closer));
        acknowledge(null);
    }

    private DeviceIdentity logIdentity() throws IOException {
        int queues = message.inflightQueues();
        int size = message.inflightRingSize();
        if (queues < 1 || queues > rings.count()) {
            throw new IOException("a log of " + queues + " queues");
        }
        Ring.checkSize(size);
        return identity.withQueues(queues, size);
    }

    private void setBackEndSocket() throws IOException {
        setBackEnd(new BackEndChannel(descriptors.takeSocket()));
        acknowledge(null);
    }

    private void setBackEnd(BackEndChannel channelBack) {
        if (backEnd != null) {
            closer.close(backEnd::close);
        }
        backEnd = channelBack;
    }

    private void reply(VhostMessage unusedReply) {
        if (!channel.hasEnded()) {
            channel.reply();
        }
    }

    /** Ends the work on a message that has no reply of its own, with null or what is wrong. */
    private void acknowledge(String wrong) {
        if (channel.hasEnded()) {
            return;
        }
        if (wrong != null) {
            log.warn(message.request() + ": " + wrong);
        }
        // Those of them that can fail.
        boolean hasOwnReply =
                message.request() == VhostRequest.GET_VRING_BASE || message.request() == VhostRequest.GET_INFLIGHT_FD;
        if (message.needsReply() && ProtocolFeature.REPLY_ACK.in(protocolFeatures) && !hasOwnReply) {
            reply(message.toReplyOf(wrong == null ? 0 : 1));
        } else if (wrong != null) {
            channel.end("it can't be served: " + wrong);
        } else {
            channel.done();
        }
    }
}
