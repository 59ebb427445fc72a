package io.ashlar.vduse.device;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the queues of one device on the CPUs of their affinity masks: reads the masks when the driver is ready (the kernel
 * has spread them by then, in an order of its own), writes them where they must change, and follows what others write. The
 * driver's own map of CPUs to queues is made once and does not follow. A queue whose mask has no CPU left that is online
 * lives elsewhere until one is back.
 */
@ConfinedTo(LoopKind.CONTROL)
public final class QueueSpread {
    private static final Logger LOG = LoggerFactory.getLogger(QueueSpread.class);

    private final String name;
    private final BridgedDevice.Loops loops;
    private final QueueAffinity affinity;
    private final List<QueueSlot> slots;
    /** The mask last seen or written for each queue: what differs from it was written by somebody else. */
    private final BitSet[] known;

    /** The mask of each queue that lives elsewhere because all CPUs of this mask are offline, else null. */
    private final BitSet[] home;

    private final BitSet[] toWrite;
    private final int[] cpuOf;
    private final Path[] watched;
    private final Runnable onCpus = this::onCpusChanged;

    /** Creates one; nothing is placed before {@link #place}. */
    public QueueSpread(String name, BridgedDevice.Loops loops, QueueAffinity affinity, List<QueueSlot> slots) {
        this.name = name;
        this.loops = loops;
        this.affinity = affinity;
        this.slots = slots;
        known = new BitSet[slots.size()];
        home = new BitSet[slots.size()];
        toWrite = new BitSet[slots.size()];
        watched = new Path[slots.size()];
        cpuOf = new int[slots.size()];
        Arrays.fill(cpuOf, -1);
    }

    /** Chooses the CPU of a queue that is about to start. */
    public int place(int queue) {
        BitSet mask = read(queue);
        QueuePlacement.Choice choice = loops.placement().place(mask);
        if (choice.forced()) {
            LOG.info(
                    "{}: virtqueue {} may run on CPUs {}, none of them ours: its affinity becomes CPU {}",
                    name,
                    queue,
                    mask,
                    choice.cpu());
        }
        known[queue] = mask;
        toWrite[queue] = choice.mask();
        cpuOf[queue] = choice.cpu();
        return choice.cpu();
    }

    private BitSet read(int queue) {
        try {
            return affinity.read(queue);
        } catch (IOException e) {
            LOG.warn("{}: {}", name, e.getMessage());
            return new BitSet();
        }
    }

    /** Writes the masks that must change, and watches all of them from now on. */
    public void writeMasks() {
        for (int i = 0; i < cpuOf.length; i++) {
            if (cpuOf[i] < 0) {
                continue;
            }
            if (toWrite[i] != null) {
                write(i, toWrite[i]);
                toWrite[i] = null;
            }
            watch(i);
        }
        loops.cpus().remove(onCpus);
        loops.cpus().add(onCpus);
        onCpusChanged(); // since the queues were placed, that is
    }

    private void write(int queue, BitSet mask) {
        try {
            affinity.write(queue, mask);
            known[queue] = mask;
        } catch (IOException e) {
            LOG.warn("{}: {}", name, e.getMessage());
        }
    }

    private void watch(int queue) {
        Path file = affinity.file(queue);
        if (loops.watch() != null && file != null && watched[queue] == null) {
            watched[queue] = file;
            loops.watch().add(file, () -> onChange(queue));
        }
    }

    /** Looks whether somebody has changed a queue's mask, and moves the queue. */
    void onChange(int queue) {
        BitSet mask = read(queue);
        if (cpuOf[queue] < 0 || mask.isEmpty() || mask.equals(known[queue])) {
            return;
        }
        known[queue] = mask;
        home[queue] = null;
        QueuePlacement.Choice choice = loops.placement().replace(cpuOf[queue], mask);
        if (choice.forced()) {
            LOG.warn("{}: virtqueue {} was given CPUs {}, where the bridge has no loop", name, queue, mask);
        } else if (choice.cpu() != cpuOf[queue]) {
            LOG.info("{}: virtqueue {} follows its affinity to CPU {}", name, queue, choice.cpu());
        }
        cpuOf[queue] = choice.cpu();
        slots.get(queue).moveTo(choice.cpu());
    }

    private void onCpusChanged() {
        if (loops.cpus().online().isEmpty()) {
            return; // nobody knows
        }
        for (int i = 0; i < cpuOf.length; i++) {
            if (cpuOf[i] >= 0) {
                followCpus(i, loops.cpus().online());
            }
        }
    }

    /** The mask first: until it has an online CPU, the queue's loop may be stuck in the kernel. */
    private void followCpus(int queue, BitSet online) {
        if (home[queue] != null && home[queue].intersects(online)) {
            write(queue, home[queue]);
            home[queue] = null;
        }
        QueuePlacement.Choice choice = loops.placement().replace(cpuOf[queue], known[queue]);
        if (!known[queue].isEmpty() && !known[queue].intersects(online)) {
            home[queue] = home[queue] == null ? known[queue] : home[queue];
            BitSet elsewhere = new BitSet();
            // Where all of ours are offline, the loops' threads run on any other, and so may completions.
            elsewhere.set(online.get(choice.cpu()) ? choice.cpu() : online.nextSetBit(0));
            write(queue, elsewhere);
        }
        if (choice.cpu() != cpuOf[queue]) {
            LOG.info("{}: virtqueue {} moves from CPU {} to CPU {}", name, queue, cpuOf[queue], choice.cpu());
            cpuOf[queue] = choice.cpu();
            slots.get(queue).moveTo(choice.cpu());
        }
    }

    /** The queues have stopped: their masks mean nothing until they start again. */
    public void forget() {
        loops.cpus().remove(onCpus);
        for (int i = 0; i < cpuOf.length; i++) {
            forget(i);
        }
    }

    /** One queue has stopped. */
    public void forget(int queue) {
        if (cpuOf[queue] >= 0) {
            loops.placement().remove(cpuOf[queue]);
            cpuOf[queue] = -1;
            home[queue] = null;
        }
        if (watched[queue] != null) {
            loops.watch().remove(watched[queue]);
            watched[queue] = null;
        }
    }
}
