package io.ashlar.lab.vm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a command in the virtual machine left behind.
 *
 * @param exitCode the command's own, 0 to 255
 * @param output its standard output and standard error, in the order in which they arrived
 * @param files the folder that was {@code $ASHLAR_OUT} inside; with the kernel's log as {@code dmesg.txt}
 */
public record VmResult(int exitCode, String output, Path files) {

    /** Returns the text of the file that the command left in {@code $ASHLAR_OUT} under this name. */
    public String file(String name) throws IOException {
        return Files.readString(files.resolve(name));
    }
}
