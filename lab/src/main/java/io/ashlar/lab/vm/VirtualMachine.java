package io.ashlar.lab.vm;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A virtual machine whose kernel has VDUSE, as {@code lab/vm/run} boots it: the same files as this machine, seen from the
 * checkout's root folder; a fresh one for every command. Immutable, so any thread may use it; {@link #run} blocks the
 * caller. A failure of the machine is a {@link VmException}, a failure of the command an exit code.
 *
 * @param files the folder that is {@code $ASHLAR_OUT} inside; made if missing
 * @param options of {@code lab/vm/run}, one word each
 */
public record VirtualMachine(Path files, List<String> options) {
    private static final Logger LOG = LoggerFactory.getLogger(VirtualMachine.class);
    private static final String REASON = "lab/vm/run: ";

    /** Checks nothing: {@code lab/vm/run} does, and says what is wrong. */
    public VirtualMachine {
        options = List.copyOf(options);
    }

    /** Returns a machine of the default size, whose files come back in this folder. */
    public static VirtualMachine leavingFilesIn(Path files) {
        return new VirtualMachine(files, List.of());
    }

    /** Memory of the machine in MiB. */
    public VirtualMachine memoryMib(int mib) {
        return with("--memory", Integer.toString(mib));
    }

    /** Processors of the machine. */
    public VirtualMachine cpus(int count) {
        return with("--cpus", Integer.toString(count));
    }

    /** Size of the ext4 at {@code $ASHLAR_SCRATCH}, such as 8G. */
    public VirtualMachine scratch(String size) {
        return with("--scratch", size);
    }

    /** One more, empty disk of this size, such as 512M; inside, {@code $ASHLAR_DISKS} lists them. */
    public VirtualMachine disk(String size) {
        return with("--disk", size);
    }

    /** How long the command may take, boot included, to the second. */
    public VirtualMachine timeout(Duration limit) {
        return with("--timeout", Long.toString(limit.toSeconds()));
    }

    /** Copies a folder to the machine's memory before the command starts. */
    public VirtualMachine stage(Path folder) {
        return with("--stage", folder.toString());
    }

    /** Sets a variable of the command's environment. */
    public VirtualMachine environment(String name, String value) {
        return with("--env", name + "=" + value);
    }

    private VirtualMachine with(String name, String value) {
        List<String> more = new ArrayList<>(options);
        more.add(name);
        more.add(value);
        return new VirtualMachine(files, more);
    }

    /**
     * Boots the machine, runs the command and waits for the end of both; the output goes to the log as it comes.
     *
     * @throws VmException if the command did not run to its end
     */
    public VmResult run(String... command) throws IOException, InterruptedException {
        Path root = checkout();
        Files.deleteIfExists(status());
        List<String> words = new ArrayList<>();
        words.add(root.resolve("lab/vm/run").toString());
        words.add("--out");
        words.add(files.toAbsolutePath().toString());
        words.add("--leash");
        words.addAll(options);
        words.add("--");
        words.addAll(List.of(command));
        Process process = new ProcessBuilder(words)
                .directory(root.toFile())
                .redirectErrorStream(true)
                .start();
        // On the leash: the machine ends when its standard input does, which is when this program ends, however it
        // ends.
        try {
            String output = follow(process);
            return judge(process.waitFor(), output);
        } finally {
            process.getOutputStream().close();
            process.destroy();
        }
    }

    private static String follow(Process process) throws IOException {
        StringBuilder output = new StringBuilder();
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                LOG.info("vm| {}", line);
                output.append(line).append('\n');
            }
        }
        return output.toString();
    }

    /** The status file tells the command's exit code from the harness' own, which may be the same number. */
    private VmResult judge(int exitCode, String output) throws IOException {
        if (Files.exists(status()) && Files.readString(status()).startsWith("exit ")) {
            return new VmResult(exitCode, output, files);
        }
        String reason = output.lines()
                .filter(line -> line.startsWith(REASON))
                .reduce((first, last) -> last)
                .orElse(REASON + "ended with " + exitCode);
        throw new VmException(reason.substring(REASON.length()));
    }

    private Path status() {
        return files.resolve("status.txt");
    }

    /** The checkout this test runs from: a module's tests run in the module's folder. */
    private static Path checkout() throws IOException {
        Path start = Path.of("").toAbsolutePath();
        for (Path folder = start; folder != null; folder = folder.getParent()) {
            if (Files.isExecutable(folder.resolve("lab/vm/run"))) {
                return folder;
            }
        }
        throw new IOException("no lab/vm/run in or above " + start);
    }
}
