package io.ashlar.vduse.blk;

/** What is counted of a virtqueue besides its requests ({@code docs/operations.md}, "Metrics of the bridge"). */
public enum QueueFigure {
    IN_FLIGHT("in_flight", true, "Requests fetched and not yet answered"),
    BROKEN("queues_broken", true, "Virtqueues not served any more because their driver broke the rules"),
    KICKS("kicks", false, "Kicks received"),
    BATCHES("batches", false, "Batches of requests handed to the volume"),
    PUBLICATIONS("publications", false, "Batches of answers put into the used ring"),
    INTERRUPTS("interrupts", false, "Interrupts injected"),
    INTERRUPTS_REFUSED("interrupts_refused", false, "Interrupts that the kernel did not take at the first try"),
    CUT_OFF("requests_cut_off", false, "Requests in flight when the driver reset the device");

    private final String metric;
    private final boolean level;
    private final String help;

    QueueFigure(String metric, boolean level, String help) {
        this.metric = metric;
        this.level = level;
        this.help = help;
    }

    /** Returns the metric's name without prefix and suffix. */
    public String metric() {
        return metric;
    }

    /** Returns whether it also goes down. */
    public boolean isLevel() {
        return level;
    }

    /** Returns one line for people. */
    public String help() {
        return help;
    }
}
