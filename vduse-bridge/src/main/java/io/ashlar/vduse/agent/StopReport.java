package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.Immutable;
import java.util.List;

/** The last line of a bridge that ends in good order: which devices stay, and how to go on. */
@Immutable
final class StopReport {
    private StopReport() {}

    /**
     * Returns the line.
     *
     * @param staying the devices that stay, as {@link #device} names them
     * @param answered whether every request that had been fetched was answered
     */
    static String line(List<String> staying, boolean answered) {
        if (staying.isEmpty()) {
            return "bridge stopped; no device was left";
        }
        return "bridge stopped; devices stay and their applications wait: " + String.join(", ", staying)
                + (answered ? "" : "; some requests were in flight and will be sent again")
                + ". 'ashlar bridge' goes on with them, 'ashlar detach --force NAME' gives one up";
    }

    /** Returns the line of a bridge that another one has followed. */
    static String handedOver(long pid) {
        return "bridge stopped; process " + pid + " goes on with its devices";
    }

    /** Returns a device as people know it: by its disk or socket, or, while it has none, by the kernel's name for it. */
    static String device(String volume, String place, String vduse) {
        return volume + " (" + (place == null ? vduse : place) + ")";
    }
}
