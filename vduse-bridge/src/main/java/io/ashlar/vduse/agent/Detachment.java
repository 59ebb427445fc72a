package io.ashlar.vduse.agent;

/**
 * What became of a volume that was detached.
 *
 * @param givenBack whether other hosts can have the volume now; if not, its node could not be told
 * @param failedRequests how many requests of its users have ended with I/O errors from the moment of a detachment by force on: those in
 *     flight, and those that came until the device was gone; 0 without force, and where the bridge is too old to tell
 */
public record Detachment(boolean givenBack, long failedRequests) {
    /** Returns it as people read it. */
    public String text(String name) {
        String failed =
                switch ((int) Math.min(failedRequests, 2)) {
                    case 0 -> "";
                    case 1 -> "; 1 request in flight ended with an I/O error";
                    default -> "; " + failedRequests + " requests in flight ended with I/O errors";
                };
        return "detached " + name + failed
                + (givenBack ? "" : "; could not tell its node, other hosts must attach it with --steal");
    }
}
