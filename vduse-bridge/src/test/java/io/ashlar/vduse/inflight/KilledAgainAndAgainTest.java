package io.ashlar.vduse.inflight;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.inflight.CutMemory.Killed;
import io.ashlar.vduse.vring.Access;
import io.ashlar.vduse.vring.DescriptorChain;
import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import io.ashlar.vduse.vring.GuestMemory;
import io.ashlar.vduse.vring.MemoryMap;
import io.ashlar.vduse.vring.SplitVirtqueue;
import io.ashlar.vduse.vring.SplitVirtqueue.Pop;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringOptions;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** One queue through thousands of requests and hundreds of kills at random stores, those of recoveries included. */
class KilledAgainAndAgainTest {
    private static final long RINGS = 0x10000;
    private static final long DATA = 0x20000;
    private static final int STEPS = 20_000;
    private static final int STORES_BETWEEN_KILLS = 400;

    private final GuestMemory guest =
            new GuestMemory(0x8000).region(RINGS, 0x2000, Access.READ_WRITE).region(DATA, 64, Access.READ_WRITE);
    private final MemoryMap map = guest.map();
    /** The number of the request in each chain that is offered and not handed back. */
    private final Map<Integer, Integer> offered = new HashMap<>();
    /** Heads that the present owner works on. */
    private final Set<Integer> working = new LinkedHashSet<>();

    private Random random;
    private CutMemory memory;
    private DriverModel driver;
    private SplitVirtqueue queue;
    private int num;
    private int requests;
    private int fetchedLast = -1;
    private int kills;

    @Property(tries = 50)
    void shouldAnswerEveryRequestOnceInTheOrderOfFetchingWhateverDies(@ForAll long seed)
            throws VringException, InflightException {
        random = new Random(seed);
        num = 1 << (1 + random.nextInt(6));
        int start = random.nextInt(1 << 16);
        driver = new DriverModel(guest.at(RINGS), RINGS, num, true, start);
        memory = new CutMemory(num);
        new QueueRegion(memory, num).reset(num, start);
        takeOver();
        for (int i = 0; i < STEPS; i++) {
            try {
                step();
            } catch (Killed e) {
                kills++;
                takeOver();
            }
        }
        finish();
        assertThat(offered).as("requests without an answer").isEmpty();
        assertThat(kills).isGreaterThan(10);
    }

    private void takeOver() throws VringException, InflightException {
        while (true) {
            try {
                memory.storesLeft = random.nextInt(STORES_BETWEEN_KILLS);
                queue = SplitVirtqueue.recover(
                        driver.layout(), new VringOptions(true, false), map, new QueueRegion(memory, num));
                break;
            } catch (Killed e) {
                kills++;
            }
        }
        working.clear();
        DescriptorChain chain = queue.newChain();
        int latest = -1;
        // Sometimes it dies, or is told to stop, before all of it has been submitted again.
        for (int left = random.nextInt(8) == 0 ? random.nextInt(num) : num;
                left > 0 && queue.outstandingCount() > 0;
                left--) {
            assertThat(queue.pop(chain)).isEqualTo(Pop.CHAIN);
            int request = offered.get(chain.head());
            assertThat(request).as("order").isGreaterThan(latest);
            assertThat(request).as("fetched, or about to be").isLessThanOrEqualTo(fetchedLast + 1);
            fetchedLast = Math.max(fetchedLast, request);
            latest = request;
            working.add(chain.head());
        }
    }

    private void step() {
        switch (random.nextInt(5)) {
            case 0 -> {
                for (int i = random.nextInt(num); i >= 0 && driver.freeCount() > 0; i--) {
                    int head = driver.chain(List.of(new Piece(DATA, 16, true)));
                    offered.put(head, requests++);
                    driver.offer(head);
                }
                driver.show();
            }
            case 1 -> fetch(1 + random.nextInt(num));
            case 2 -> {
                for (int i = random.nextInt(num); i >= 0 && !working.isEmpty(); i--) {
                    List<Integer> heads = List.copyOf(working);
                    int head = heads.get(random.nextInt(heads.size()));
                    working.remove(head);
                    queue.push(head, 16);
                }
            }
            case 3 -> queue.publish();
            default -> poll();
        }
    }

    private void fetch(int countMax) {
        DescriptorChain chain = queue.newChain();
        for (int i = 0; i < countMax; i++) {
            if (queue.pop(chain) != Pop.CHAIN) {
                return;
            }
            assertThat(working.add(chain.head())).as("fetched once").isTrue();
            fetchedLast = Math.max(fetchedLast, offered.get(chain.head()));
        }
    }

    private void poll() {
        while (driver.poll()) {
            Integer request = offered.remove(driver.usedId());
            assertThat(request).as("handed back twice").isNotNull();
        }
    }

    private void finish() {
        memory.storesLeft = -1;
        fetch(num);
        for (int head : working) {
            queue.push(head, 16);
        }
        queue.publish();
        poll();
        working.clear();
        fetch(num);
        working.forEach(head -> queue.push(head, 16));
        queue.publish();
        poll();
    }
}
