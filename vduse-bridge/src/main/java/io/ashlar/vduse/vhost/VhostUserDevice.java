package io.ashlar.vduse.vhost;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import io.ashlar.base.sys.UnixSocket;
import io.ashlar.vduse.blk.QueueCounters;
import io.ashlar.vduse.blk.VirtioBlkConfig;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.EpollRegistration;
import io.ashlar.vduse.device.GatedDevice;
import io.ashlar.vduse.device.ServedDevice;
import io.ashlar.vduse.inflight.DeviceIdentity;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One volume as the back end of a virtio block device: listens at a path and serves one front end at a time; another one
 * waits until that one is gone. Front ends come and go, the device stays.
 *
 * <pre>
 *   LISTENING ── accept ──► a FrontEnd talks ── its connection ends ──► rings given up ──► LISTENING
 * </pre>
 */
@ConfinedTo(LoopKind.CONTROL)
public final class VhostUserDevice implements ServedDevice {
    private static final Logger LOG = LoggerFactory.getLogger(VhostUserDevice.class);
    private static final long LOOK_NS = TimeUnit.SECONDS.toNanos(1);
    /** After a front end that has held up loops, which others need: less than two in a hundred of their time then. */
    private static final long PENALTY_NS = TimeUnit.MINUTES.toNanos(1);

    private final String name;
    private final BridgedDevice.Loops loops;
    private final FrontEndLog log;
    private final GatedDevice volume;
    private final Rings rings;
    private final DeviceIdentity identity;
    private final Closer closer;
    private VirtioBlkConfig config;
    private SocketFile file;
    private EpollRegistration registration;
    private FrontEnd frontEnd;
    private long acceptFromNs;
    private boolean leaving;
    /** The next front end may wait since long. */
    private Runnable whenGone = this::accept;

    /**
     * Creates the device; nobody can reach it before {@link #open}.
     *
     * @param name for messages
     * @param volume served; stays the caller's
     * @param identity of this attachment, for logs of requests in flight; its queues and ring size mean nothing
     */
    public VhostUserDevice(
            String name,
            VirtioBlkConfig config,
            BlockDevice volume,
            BridgedDevice.Loops loops,
            DeviceIdentity identity) {
        this.name = name;
        this.config = config;
        this.loops = loops;
        this.identity = identity;
        log = new FrontEndLog(name, loops.control().clock());
        closer = new Closer(loops.control());
        acceptFromNs = loops.control().clock().nowNs();
        this.volume = new GatedDevice(volume);
        rings = new Rings(name, config, this.volume, loops, closer);
        volume.onGeometryChange(() -> loops.control().execute(this::onGeometryChange));
    }

    /** Listens at the path, where nothing may be but the socket of a dead process. */
    public void open(Path path) throws IOException {
        loops.control().assertInLoop();
        file = SocketFile.listen(path);
        registration = EpollRegistration.register(loops.control(), file.socket().fd(), ops -> accept());
    }

    private void accept() {
        long waitNs = acceptFromNs - loops.control().clock().nowNs();
        if (waitNs > 0) {
            loops.control().schedule(this::accept, waitNs);
        } else {
            closer.whenIdle(this::acceptNow);
        }
    }

    private void acceptNow() {
        UnixSocket socket = frontEnd == null && !leaving ? takeConnection() : null;
        if (socket == null) {
            return;
        }
        log.info("front end connected");
        frontEnd = new FrontEnd(log, rings, identity, () -> config, closer, this::onFrontEndGone);
        frontEnd.open(new MessageChannel(loops.control(), socket, closer, frontEnd));
        lookAfter(frontEnd);
    }

    /** Tries again later when there are no descriptors left, or the one who waits has gone. */
    private UnixSocket takeConnection() {
        try {
            return file.socket().accept();
        } catch (IOException e) {
            log.warn(e.getMessage());
            loops.control().schedule(this::accept, LOOK_NS);
            return null;
        }
    }

    private void onFrontEndGone() {
        frontEnd = null;
        whenGone.run();
    }

    /** Looks once a second whether the front end's memory is still there, and no loop waits for it; also when it is about to go. */
    private void lookAfter(FrontEnd watched) {
        loops.control()
                .schedule(
                        () -> {
                            if (frontEnd == watched) {
                                look(watched);
                            }
                        },
                        LOOK_NS);
    }

    private void look(FrontEnd watched) {
        if (rings.hasMemoryVanished()) {
            watched.end("its memory has shrunk under us");
        }
        if (rings.lines().relieve()) {
            acceptFromNs = loops.control().clock().nowNs() + PENALTY_NS;
            watched.end(
                    "it has filled a counter that it is called by, which can hold up others; nobody may connect for a minute");
        }
        lookAfter(watched);
    }

    private void onGeometryChange() {
        config = config.withGeometry(volume.geometry());
        rings.setConfig(config);
        if (frontEnd != null) {
            frontEnd.configChanged();
        }
    }

    /** Returns whether a front end is connected. */
    public boolean isConnected() {
        loops.control().assertInLoop();
        return frontEnd != null;
    }

    /** Lets no front end in any more, unless one is connected; returns whether that was possible. */
    public boolean release() {
        loops.control().assertInLoop();
        leaving |= frontEnd == null;
        return frontEnd == null;
    }

    @Override
    public void fail() {
        volume.fail();
    }

    @Override
    public void quiesce(Runnable whenDrained) {
        loops.control().assertInLoop();
        leaving = true;
        rings.quiesce(whenDrained);
    }

    @Override
    public void close(Runnable whenCutOff, Runnable whenClosed) {
        loops.control().assertInLoop();
        leaving = true;
        stopListening();
        Runnable end = () -> {
            whenCutOff.run();
            rings.close();
            rings.whenAllDrained(whenClosed);
        };
        if (frontEnd == null) {
            end.run();
        } else {
            Runnable before = whenGone;
            whenGone = () -> {
                before.run();
                end.run();
            };
            frontEnd.end("the device goes");
        }
    }

    private void stopListening() {
        if (file == null) {
            return;
        }
        registration.cancel();
        try {
            file.remove();
        } catch (IOException e) {
            LOG.warn("{}: {}", name, e.getMessage());
        }
        closer.close(file.socket()::close);
        file = null;
    }

    @Override
    public List<QueueCounters> counters() {
        return rings.counters();
    }

    @Override
    public List<Integer> queueCpus() {
        loops.control().assertInLoop();
        return rings.cpus();
    }
}
