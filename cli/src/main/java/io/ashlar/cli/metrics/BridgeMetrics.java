package io.ashlar.cli.metrics;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.vduse.agent.VolumeFigures;
import io.ashlar.vduse.blk.QueueFigure;
import java.util.List;
import java.util.function.Supplier;

/**
 * The bridge's metrics as Prometheus' text ({@code docs/operations.md} has the table). Nothing is counted here: each scrape
 * adds up the counters of the queues and of the client's volumes.
 */
@Immutable
public final class BridgeMetrics {
    private BridgeMetrics() {}

    /** Returns the page; the supplier is called once a scrape, on the scraper's thread. */
    public static MetricsPage page(Supplier<List<VolumeFigures>> volumes, String version) {
        return new MetricsPage(new VolumeCollector(volumes), version);
    }

    /**
     * Returns why the bridge is not well, or an empty text. A node that is away is no ailment: it mends by itself, and
     * whoever restarts an ailing bridge would gain nothing.
     */
    public static String ailment(List<VolumeFigures> volumes) {
        for (VolumeFigures volume : volumes) {
            RemoteVolume remote = VolumeCollector.remote(volume);
            if (remote != null && remote.ended() != null) {
                return volume.volume() + " fails for good: " + remote.ended().text();
            }
            long broken = VolumeCollector.sum(volume, queue -> queue.value(QueueFigure.BROKEN));
            if (broken > 0) {
                return volume.volume() + ": " + broken + " virtqueues are not served, their driver broke the rules";
            }
            if (volume.state().equals("orphan")) {
                return volume.volume() + " is left without its volume";
            }
        }
        return "";
    }
}
