package io.ashlar.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** How a command prints its result: for people, or with {@code -o json} for programs. Mixed into every command. */
@ConfinedTo(LoopKind.OWNER)
final class Output {
    enum Format {
        TEXT,
        JSON
    }

    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FORMAT",
            description = "Print ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).",
            defaultValue = "text")
    private Format format;

    boolean isJson() {
        return format == Format.JSON;
    }

    PrintWriter out() {
        return command.commandLine().getOut();
    }

    PrintWriter err() {
        return command.commandLine().getErr();
    }

    /** Prints a sentence for people, or the value for programs. */
    void print(String sentence, Object value) {
        if (isJson()) {
            json(value);
        } else {
            out().println(sentence);
        }
        out().flush();
    }

    /** Prints one thing, a field a line, or a JSON object. */
    void fields(Map<String, Object> fields) {
        if (isJson()) {
            json(fields);
            return;
        }
        int width = fields.keySet().stream().mapToInt(String::length).max().orElse(0);
        fields.forEach((key, value) -> out().println(key + " ".repeat(width - key.length() + 2) + text(value)));
        out().flush();
    }

    /** Prints rows under a heading, or a JSON list. Every row has the same keys. */
    void table(List<Map<String, Object>> rows, List<String> columns) {
        if (isJson()) {
            json(rows);
            return;
        }
        List<String[]> lines = new ArrayList<>();
        lines.add(columns.stream().map(c -> c.toUpperCase(Locale.ROOT)).toArray(String[]::new));
        for (Map<String, Object> row : rows) {
            lines.add(columns.stream().map(c -> text(row.get(c))).toArray(String[]::new));
        }
        int[] widths = new int[columns.size()];
        for (String[] line : lines) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], line[i].length());
            }
        }
        for (String[] line : lines) {
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                text.append(line[i]).append(" ".repeat(widths[i] - line[i].length() + 2));
            }
            out().println(text.toString().stripTrailing());
        }
        out().flush();
    }

    private static String text(Object value) {
        return value == null || "".equals(value) ? "-" : value.toString();
    }

    private void json(Object value) {
        try {
            out().println(JSON.writeValueAsString(value));
            out().flush();
        } catch (JsonProcessingException e) {
            throw Failure.failed("can't print the result: " + e.getOriginalMessage(), e);
        }
    }
}
