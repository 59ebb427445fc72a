package io.ashlar.vduse.agent;

import java.util.List;

/**
 * An attached volume as shown to people and programs.
 *
 * @param name the volume's name
 * @param state {@code attaching}, {@code attached}, {@code detaching}, {@code resuming}, {@code orphan} or {@code leaving}
 * @param device the block device, such as {@code /dev/vda}; null while there is none
 * @param link the stable link to it
 * @param vduse the VDUSE device's name
 * @param readOnly whether it can't be written
 * @param sizeBytes its size
 * @param logicalBlockBytes its logical block size
 * @param queueCpus the CPU that serves each virtqueue, -1 where the driver does not use it
 * @param bounceBytes size of its bounce window
 * @param sinceMs when it was attached, milliseconds since 1970
 * @param socket where vhost-user front ends connect; null for a block device
 */
public record Attachment(
        String name,
        String state,
        String device,
        String link,
        String vduse,
        boolean readOnly,
        long sizeBytes,
        int logicalBlockBytes,
        List<Integer> queueCpus,
        long bounceBytes,
        long sinceMs,
        String socket) {}
