package io.ashlar.lab.soak;

/** What happens to the processes under load. */
enum SoakEvent {
    /** Nothing: the ordinary course of things. */
    NONE("without"),
    /** The bridge is killed with -9, and started again. */
    KILL("kill"),
    /** Another bridge takes the place of the one that runs. */
    HANDOVER("handover"),
    /** Another bridge begins to take the place, and one of the two is killed with -9. */
    TORN_HANDOVER("tornHandover"),
    /** The node is killed with -9, and started again. */
    SERVER_KILL("serverKill");

    private final String label;

    SoakEvent(String label) {
        this.label = label;
    }

    /** Returns its name in the summary. */
    String label() {
        return label;
    }
}
