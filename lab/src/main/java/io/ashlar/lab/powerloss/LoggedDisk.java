package io.ashlar.lab.powerloss;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** An ext4 whose every write, flush and discard the kernel logs (dm-log-writes), from its creation on. Needs root. */
@ConfinedTo(LoopKind.OWNER)
final class LoggedDisk implements AutoCloseable {
    private static final String NAME = "ashlar-logged";
    /** A small journal wraps often; everything is written at once, as a reader of the log knows only what is in it. */
    private static final String MKFS_OPTIONS = "lazy_itable_init=0,lazy_journal_init=0";

    private final Path mountPoint;
    private int marks;

    private LoggedDisk(Path mountPoint) {
        this.mountPoint = mountPoint;
    }

    /** Makes the file system on a disk that is empty afterwards, and mounts it. */
    static LoggedDisk create(String disk, String log, long sizeBytes, Path mountPoint)
            throws IOException, InterruptedException {
        Shell.run("blkdiscard", "-f", disk);
        Shell.run("dmsetup", "create", NAME, "--table", "0 " + sizeBytes / 512 + " log-writes " + disk + " " + log);
        Shell.run("dmsetup", "mknodes");
        LoggedDisk logged = new LoggedDisk(mountPoint);
        Shell.run("mkfs.ext4", "-q", "-F", "-J", "size=4", "-N", "512", "-E", MKFS_OPTIONS, "/dev/mapper/" + NAME);
        Files.createDirectories(mountPoint);
        Shell.run("mount", "-o", "noatime,discard,commit=1", "/dev/mapper/" + NAME, mountPoint.toString());
        return logged;
    }

    Path mountPoint() {
        return mountPoint;
    }

    /** Returns how many marks there are. */
    int marks() {
        return marks;
    }

    /** Puts the next mark into the log: everything durable by now lies before it. */
    void mark() throws IOException, InterruptedException {
        marks++;
        Shell.run("dmsetup", "message", NAME, "0", "mark", Integer.toString(marks));
    }

    /** Unmounts, and ends the log. */
    @Override
    public void close() throws IOException {
        try {
            Shell.run("umount", mountPoint.toString());
            Shell.run("dmsetup", "remove", NAME);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
