package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import java.io.IOException;
import java.lang.reflect.AnnotatedElement;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The tables of {@code docs/configuration.md} name every command with its parameters, every option with its parameter, and
 * every default that the program has, and nothing else.
 */
class ConfigurationDocumentTest {
    private static final String EVERY_COMMAND = "Every command";
    private static final Pattern HEADING = Pattern.compile("##+ `?([^`]+)`?");
    private static final Pattern ENVIRONMENT = Pattern.compile("\\$\\{env:(\\w+):-(.+)}");

    /** By heading, the options and defaults of the first table under it, as written. */
    private final Map<String, Map<String, String>> written = new TreeMap<>();

    /** The same of the program. */
    private final Map<String, Map<String, String>> real = new TreeMap<>();

    @BeforeEach
    void readBoth() throws IOException {
        String heading = "";
        for (String line : Files.readAllLines(Path.of("..", "docs", "configuration.md"))) {
            if (line.startsWith("#")) {
                heading = HEADING.matcher(line).replaceFirst("$1");
                if (heading.startsWith("ashlar ")) {
                    written.put(heading, new TreeMap<>());
                }
            } else if (line.startsWith("| `-")) {
                String[] cells = line.split("\\|", -1);
                Map<String, String> options = written.computeIfAbsent(heading, h -> new TreeMap<>());
                assertThat(options.put(cells[1].replace("`", "").strip(), cells[2].strip()))
                        .as(line)
                        .isNull();
            }
        }
        addCommands(Main.commandLine());
    }

    private void addCommands(CommandLine command) {
        command.getSubcommands().values().stream().distinct().forEach(this::addCommands);
        boolean isGroup = !command.getSubcommands().isEmpty();
        Map<String, String> options = new TreeMap<>();
        for (OptionSpec option : command.getCommandSpec().options()) {
            if (!option.hidden()) {
                boolean isCommon = isGroup
                        || List.of(option.names()).contains("--output")
                        || option.usageHelp()
                        || option.versionHelp();
                (isCommon ? real.computeIfAbsent(EVERY_COMMAND, h -> new TreeMap<>()) : options)
                        .put(text(option), defaultOf(option));
            }
        }
        if (!isGroup) {
            real.put(heading(command.getCommandSpec()), options);
        }
    }

    private static String heading(CommandSpec command) {
        List<String> words = new ArrayList<>(List.of(command.qualifiedName()));
        command.positionalParameters().forEach(parameter -> words.add(parameter.paramLabel()));
        return String.join(" ", words);
    }

    /** Returns its names, each with the parameter. */
    private static String text(OptionSpec option) {
        String parameter = isFlag(option) ? "" : " " + option.paramLabel();
        return List.of(option.names()).stream().map(name -> name + parameter).collect(Collectors.joining(", "));
    }

    private static boolean isFlag(OptionSpec option) {
        return option.arity().max() == 0;
    }

    /** Returns what stands in a table, or an empty text where the program leaves words to the writer. */
    private static String defaultOf(OptionSpec option) {
        if (isFlag(option)) {
            return "no";
        }
        if (option.required()) {
            return "required";
        }
        // As the source has it: the specification fills the environment of this test in.
        String value = ((AnnotatedElement) option.userObject())
                .getAnnotation(CommandLine.Option.class)
                .defaultValue();
        return option.defaultValue() == null || value.isEmpty()
                ? ""
                : "`" + ENVIRONMENT.matcher(value).replaceFirst("\\$$1`, or `$2") + "`";
    }

    @Test
    void shouldNameEveryCommandAndNoOther() {
        assertThat(written.keySet()).isEqualTo(real.keySet());
    }

    @Test
    void shouldNameEveryOptionOfEachCommandAndNoOther() {
        real.forEach((command, options) ->
                assertThat(written.get(command).keySet()).as(command).isEqualTo(options.keySet()));
    }

    @Test
    void shouldSayWhatEachOptionIsWhenItIsNotGiven() {
        real.forEach((command, options) -> options.forEach((option, value) -> {
            if (value.isEmpty()) {
                assertThat(written.get(command).get(option))
                        .as(command + " " + option)
                        .isNotEmpty()
                        .doesNotContain("`");
            } else {
                assertThat(written.get(command)).as(command).contains(entry(option, value));
            }
        }));
    }
}
