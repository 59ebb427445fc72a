package io.ashlar.base.sys;

import jnr.ffi.LibraryLoader;

/** Eventfds as programs make them that mean to wait in a read, or harm in a write. */
public final class BlockingEventFd {
    private BlockingEventFd() {}

    public static int create() {
        return LibraryLoader.create(LibC.class).load("c").eventfd(0, OpenFlags.CLOEXEC);
    }
}
