package io.ashlar.vduse.agent;

import io.ashlar.base.annotation.ThreadSafe;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps for a successor during which boot of its node's machine a device's writes were acknowledged. The client notices a restart
 * of that machine while it runs; a restart between the death of a bridge and the start of the next one is noticed by this.
 */
@ThreadSafe
final class BootRecord {
    private static final Logger LOG = LoggerFactory.getLogger(BootRecord.class);
    /** Stands for every boot: all that was acknowledged has been flushed. */
    private static final String ANY = "any";

    private final StateFolder state;
    private final String vduse;
    private final VolumeOpener.NodeBoot boot;

    /**
     * Creates the record of a device.
     *
     * @param vduse the device's name
     * @param volume behind it
     */
    BootRecord(StateFolder state, String vduse, VolumeOpener.OpenedVolume volume) {
        this.state = state;
        this.vduse = vduse;
        boot = volume.boot();
    }

    /** Begins with a new device, before its first write. */
    void begin() throws IOException {
        boot.onChange(this::update);
        save();
    }

    /**
     * Goes on with a device that an earlier bridge has left. If writes may have been lost the volume fails from now on, under every
     * bridge to come too, until the device is detached.
     */
    void resume() throws IOException {
        String before = state.loadBoot(vduse);
        if (before.equals(ANY)) {
            begin();
            return;
        }
        boot.onChange(this::update);
        // Empty: an older bridge has left it, and nobody knows more.
        boot.continueFrom(before.isEmpty() ? boot.id() : before);
        if (before.isEmpty()) {
            save();
        }
    }

    private void save() throws IOException {
        state.saveBoot(vduse, boot.id());
    }

    /** All that was acknowledged is durable, and this bridge answers nothing more. Blocks. */
    void nothingToLose() {
        if (!boot.id().isEmpty()) {
            update(ANY);
        }
    }

    /** Happens seldom, and on one of the client's loops, which must not wait for a file. */
    private void update() {
        Thread thread = new Thread(() -> update(boot.id()), "bridge-boot");
        thread.setDaemon(true);
        thread.start();
    }

    private void update(String id) {
        try {
            state.updateBoot(vduse, id);
        } catch (IOException e) {
            LOG.warn("{}: a bridge to come may fail the volume needlessly: {}", vduse, e.getMessage());
        }
    }
}
