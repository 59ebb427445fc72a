/**
 * Power loss on a real file system: a store's writes are logged below ext4, and disks as a power loss would have left them
 * are built from the log and opened. Read {@link io.ashlar.lab.powerloss.PowerLoss} first. One thread, which may block;
 * imports {@code base} and {@code store}. Neither data plane nor control plane: a test.
 */
package io.ashlar.lab.powerloss;
