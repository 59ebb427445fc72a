package io.ashlar.lab.powerloss;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Runs the machine's own commands. */
final class Shell {
    private Shell() {}

    /** Runs a command to its end; its output is the message if it fails. */
    static void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        int code = process.waitFor();
        if (code != 0) {
            throw new IOException(String.join(" ", command) + " failed with " + code + ": " + output);
        }
    }
}
