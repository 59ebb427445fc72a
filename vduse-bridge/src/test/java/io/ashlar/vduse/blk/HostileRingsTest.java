package io.ashlar.vduse.blk;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.seed.TestSeed;
import io.ashlar.vduse.vring.VringException;
import io.ashlar.vduse.vring.VringFault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class HostileRingsTest {
    /** What damage to a ring can't cause: these come from where the rings are said to be. */
    private static final Set<VringFault> AT_OPENING = Set.of(VringFault.RING_NOT_MAPPED, VringFault.RING_MISALIGNED);

    @Test
    void shouldStopAndReportOnlyTheDamagedQueue() {
        long seed = TestSeed.get();
        HostileRings rings = new HostileRings(seed);
        try {
            rings.run(300_000);
        } catch (AssertionError e) {
            throw new AssertionError("seed=" + seed, e);
        }
        assertThat(rings.faults().keySet()).as("faults seen, seed=" + seed).hasSize(VringFault.values().length - 2);
        assertThat(rings.faults().keySet()).doesNotContainAnyElementsOf(AT_OPENING);
        assertThat(rings.answeredCount()).isPositive();
    }

    @Test
    void shouldSurviveMemoryThatChangesWhileItIsRead() throws VringException, InterruptedException {
        long seed = TestSeed.get();
        HostileRings rings = new HostileRings(seed);
        Thread other = new Thread(() -> rings.change(new Random(seed)), "changing");
        other.start();
        try {
            rings.runWhileChanging(50_000);
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError("seed=" + seed, e);
        } finally {
            other.interrupt();
            other.join();
        }
        assertThat(rings.faults()).isNotEmpty();
    }

    /** In a process of its own: an access outside the mapped memory could kill it. */
    @Test
    @Tag("slow")
    void shouldSurviveTenMillionDamagedRings() throws IOException, InterruptedException {
        long seed = TestSeed.get();
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        HostileRings.class.getName(),
                        "10000000",
                        Long.toString(seed))
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as("seed=" + seed + "\n" + output).isZero();
        assertThat(output).contains("rings=10000000 answered=");
        System.out.println(output);
    }
}
