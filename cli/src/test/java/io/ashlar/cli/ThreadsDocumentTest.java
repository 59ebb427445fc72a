package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The table of {@code docs/threading.md} names every thread that the program's source starts, by the name given to it. */
class ThreadsDocumentTest {
    private static final Path ROOT = Path.of("..");
    private static final List<String> MODULES =
            List.of("base", "protocol", "store", "client", "server", "vduse-bridge", "nbd", "cli");
    /** The first text behind it is its name, or what stands before a number. */
    private static final Pattern STARTED = Pattern.compile(
            "(?:new Thread|EpollLoops\\.pinned|EpollLoops\\.floating)\\([^\"]*\"([a-z-]+?)-?\"", Pattern.DOTALL);

    private static final Pattern DOCUMENTED = Pattern.compile("`([a-z-]+?)(?:-CPU|-N)?`");

    private static Set<String> started() throws IOException {
        Set<String> names = new TreeSet<>();
        for (String module : MODULES) {
            try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src/main/java"))) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    addAll(STARTED.matcher(Files.readString(file)), names);
                }
            }
        }
        return names;
    }

    private static void addAll(Matcher found, Set<String> names) {
        while (found.find()) {
            names.add(found.group(1));
        }
    }

    @Test
    void shouldNameEveryThreadAndNoOther() throws IOException {
        Set<String> documented = new TreeSet<>(Set.of("bench", "copy")); // loops of commands, in the last row
        Files.readAllLines(ROOT.resolve("docs").resolve("threading.md")).stream()
                .filter(line -> line.startsWith("| ") && line.contains(": `"))
                .forEach(line -> addAll(DOCUMENTED.matcher(line.split("\\|", -1)[1]), documented));
        documented.remove("main");
        assertThat(documented).isEqualTo(started());
    }
}
