package io.ashlar.lab.soak;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.lab.guest.DriverRing;
import io.ashlar.lab.guest.GuestDisk;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * {@code ashlar lab soak}: kills and handovers under a load that checks everything it reads. Exit code 0 only if there was neither
 * an I/O error nor a mismatch, and each process did what it should; 1 otherwise; 2 wrong usage.
 */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "ashlar lab soak",
        description = "Kill a bridge with -9, hand it over, and kill its node, at random moments under a load on two"
                + " virtqueues that checks every block it reads. Real processes, natively, over vhost-user (the default, or"
                + " --vhost-user); with --vduse in the virtual machine, with fio, and only --kills and --handovers.",
        mixinStandardHelpOptions = true)
public final class Soak implements Callable<Integer> {
    private static final long BLOCK_BYTES = DiskContent.BLOCK_BYTES;
    private static final int SLEEP_MS_MAX = 1_000;
    /** About the time that a handover takes, the start of a JVM in it. */
    private static final int TORN_MS_MAX = 1_500;
    /** Answers that must come after each event before the next one. */
    private static final long ANSWERS = 200;

    private static final long WAIT_NS = TimeUnit.SECONDS.toNanos(120);
    private static final long LOOK_MS = 5;

    @Option(
            names = "--kills",
            defaultValue = "5",
            description = "Times that the bridge is killed (default: ${DEFAULT-VALUE}).")
    private int kills;

    @Option(
            names = "--handovers",
            defaultValue = "3",
            description = "Times that the bridge is handed over (default: ${DEFAULT-VALUE}).")
    private int handovers;

    @Option(
            names = "--torn-handovers",
            defaultValue = "0",
            description = "Times that one of the two bridges is killed while it is handed over (default:"
                    + " ${DEFAULT-VALUE}).")
    private int tornHandovers;

    @Option(
            names = "--server-kills",
            defaultValue = "0",
            description = "Times that the node is killed (default: ${DEFAULT-VALUE}).")
    private int serverKills;

    @Option(names = "--seed", description = "Of order, moments and load (default: any; it is printed).")
    private Long seed;

    @Option(
            names = "--depth",
            defaultValue = "16",
            description = "Requests in flight on each queue, 1 to 64 (default: ${DEFAULT-VALUE}).")
    private int depth;

    @Option(
            names = "--size-mib",
            defaultValue = "64",
            description = "Size of the volume, 1 to 65536 MiB (default: ${DEFAULT-VALUE}).")
    private int sizeMib;

    @Option(names = "--launcher", required = true, hidden = true, description = "bin/ashlar of the distribution.")
    private Path launcher;

    @Option(
            names = {"-o", "--output"},
            defaultValue = "text",
            description = "text or json (default: ${DEFAULT-VALUE}).")
    private String format;

    private final PrintStream out = System.out;
    private final PrintStream progressOut = System.err;
    private final Progress progress = new Progress();

    /** Runs it. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Soak()).execute(arguments));
    }

    @Override
    public Integer call() throws IOException {
        check(
                kills >= 0 && handovers >= 0 && tornHandovers >= 0 && serverKills >= 0,
                "numbers of events can't be negative");
        check(depth >= 1 && depth <= DriverRing.SLOTS, "--depth is not 1 to " + DriverRing.SLOTS);
        check(sizeMib >= 1 && sizeMib <= 65_536, "--size-mib is not 1 to 65536");
        check(format.equals("text") || format.equals("json"), "-o is neither text nor json");
        long chance = seed == null ? new Random().nextLong() : seed;
        progressOut.println("seed " + chance);
        long startNs = System.nanoTime();
        Path folder = Files.createTempDirectory("ashlar-soak");
        long sentAgain = 0;
        try (SoakStack stack = new SoakStack(launcher, folder)) {
            run(stack, chance);
            sentAgain = stack.sentAgain();
        } catch (IOException | UncheckedIOException e) {
            progress.failed(e.getMessage());
        }
        long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - startNs);
        report(chance, sentAgain, seconds);
        if (progress.hasFailed()) {
            progressOut.println("logs and data are left in " + folder);
            return 1;
        }
        delete(folder);
        return 0;
    }

    private static void check(boolean right, String otherwise) {
        if (!right) {
            throw new CommandLine.ParameterException(new CommandLine(new Soak()), otherwise);
        }
    }

    private void run(SoakStack stack, long chance) throws IOException {
        stack.start((long) sizeMib << 20);
        try (GuestDisk disk = new GuestDisk(stack.socket(), SoakLoad.QUEUES, true)) {
            int blocks = (int) (((long) sizeMib << 20) / BLOCK_BYTES);
            Thread load = new Thread(new SoakLoad(disk, blocks, depth, chance, progress), "load");
            load.setDaemon(true);
            load.start();
            try {
                events(stack, new Random(chance));
            } catch (IOException e) {
                progress.failed(e.getMessage());
            } finally {
                progress.end();
                join(load);
            }
        }
        if (!progress.hasFailed()) {
            stack.stop();
        }
        stack.errors().forEach(progress::failed);
    }

    private void events(SoakStack stack, Random random) throws IOException {
        List<SoakEvent> events = new ArrayList<>(Collections.nCopies(kills, SoakEvent.KILL));
        events.addAll(Collections.nCopies(handovers, SoakEvent.HANDOVER));
        events.addAll(Collections.nCopies(tornHandovers, SoakEvent.TORN_HANDOVER));
        events.addAll(Collections.nCopies(serverKills, SoakEvent.SERVER_KILL));
        Collections.shuffle(events, random);
        awaitAnswers();
        for (int i = 0; i < events.size() && !progress.hasFailed(); i++) {
            sleep(random.nextInt(SLEEP_MS_MAX));
            SoakEvent event = events.get(i);
            progress.during(event);
            switch (event) {
                case KILL -> stack.killBridge();
                case HANDOVER -> stack.handOver();
                case TORN_HANDOVER -> stack.tearHandover(random.nextInt(TORN_MS_MAX), random.nextBoolean());
                case SERVER_KILL -> stack.killNode();
                case NONE -> throw new IllegalStateException("nothing is no event");
            }
            awaitAnswers();
            progress.during(SoakEvent.NONE);
            progressOut.println((i + 1) + " of " + events.size() + ": " + event.label() + ", " + progress.requests()
                    + " requests, longest pauses in ms " + pausesMs());
        }
    }

    private void awaitAnswers() throws IOException {
        long wanted = progress.requests() + ANSWERS;
        long deadlineNs = System.nanoTime() + WAIT_NS;
        while (progress.requests() < wanted && !progress.hasFailed()) {
            if (System.nanoTime() - deadlineNs > 0) {
                throw new IOException("I/O does not go on");
            }
            sleep(LOOK_MS);
        }
    }

    private static void sleep(long ms) throws IOException {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static void join(Thread load) throws IOException {
        try {
            load.join(TimeUnit.NANOSECONDS.toMillis(2 * WAIT_NS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        if (load.isAlive()) {
            throw new IOException("the load does not end");
        }
    }

    private Map<String, Double> pausesMs() {
        return progress.pausesNs().entrySet().stream()
                .collect(Collectors.toMap(
                        pause -> pause.getKey().label(),
                        pause -> pause.getValue() / 100_000 / 10.0,
                        Math::max,
                        java.util.LinkedHashMap::new));
    }

    private void report(long chance, long sentAgain, long seconds) throws IOException {
        List<String> problems = progress.problems();
        if (format.equals("json")) {
            out.println(json(chance, sentAgain, seconds));
        } else {
            out.println(String.format(
                    Locale.ROOT,
                    "%d kills, %d handovers, %d torn ones, %d kills of the node in %d s (seed %d): %d requests, %d blocks checked,"
                            + " %d requests sent again, %d connections, longest pauses in ms %s, %s",
                    kills,
                    handovers,
                    tornHandovers,
                    serverKills,
                    seconds,
                    chance,
                    progress.requests(),
                    progress.blocksRead(),
                    sentAgain,
                    progress.connections(),
                    pausesMs(),
                    problems.isEmpty() ? "no I/O error, no mismatch" : problems.size() + " problems"));
        }
        problems.forEach(problem -> progressOut.println("ashlar: " + problem));
    }

    private String json(long chance, long sentAgain, long seconds) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
            json.writeStartObject();
            json.writeNumberField("seed", chance);
            json.writeNumberField("kills", kills);
            json.writeNumberField("handovers", handovers);
            json.writeNumberField("tornHandovers", tornHandovers);
            json.writeNumberField("serverKills", serverKills);
            json.writeNumberField("seconds", seconds);
            json.writeNumberField("requests", progress.requests());
            json.writeNumberField("blocksChecked", progress.blocksRead());
            json.writeNumberField("sentAgain", sentAgain);
            json.writeNumberField("connections", progress.connections());
            json.writeObjectFieldStart("longestPauseMs");
            for (Map.Entry<String, Double> pause : pausesMs().entrySet()) {
                json.writeNumberField(pause.getKey(), pause.getValue());
            }
            json.writeEndObject();
            json.writeArrayFieldStart("problems");
            for (String problem : progress.problems()) {
                json.writeString(problem);
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        return text.toString();
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
