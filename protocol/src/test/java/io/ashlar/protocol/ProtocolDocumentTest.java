package io.ashlar.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.FrameHeader;
import io.ashlar.protocol.frame.Limits;
import io.ashlar.protocol.frame.Opcode;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The tables of {@code docs/protocol.md} say what the code says. */
class ProtocolDocumentTest {
    private List<String> lines;

    @BeforeEach
    void readDocument() throws IOException {
        lines = Files.readAllLines(Path.of("..", "docs", "protocol.md"));
    }

    /** Returns the rows of the table under a heading, without its first two lines. */
    private List<List<String>> table(String heading) {
        List<List<String>> rows = new ArrayList<>();
        int at = lines.indexOf(heading) + 1;
        assertThat(at).as(heading).isPositive();
        while (!lines.get(at).startsWith("|")) {
            at++;
        }
        for (at += 2; lines.get(at).startsWith("|"); at++) {
            rows.add(Arrays.stream(lines.get(at).split("\\|", -1))
                    .map(String::trim)
                    .toList());
        }
        return rows;
    }

    @Test
    void shouldNameEveryHeaderFieldWhereTheCodeHasIt() throws Exception {
        int next = 0;
        List<List<String>> rows = table("### Header");
        for (List<String> row : rows) {
            int offset = Integer.parseInt(row.get(1));
            assertThat(offset).as("no gap before %s", row.get(3)).isEqualTo(next);
            next = offset + Integer.parseInt(row.get(2));
            String constant = row.get(3).replaceAll("([A-Z])", "_$1").toUpperCase(Locale.ROOT) + "_OFFSET";
            assertThat(FrameHeader.class.getField(constant).getInt(null))
                    .as(constant)
                    .isEqualTo(offset);
        }
        assertThat(next).isEqualTo(Limits.HEADER_BYTES);
        assertThat(Arrays.stream(FrameHeader.class.getFields())
                        .filter(field -> field.getName().endsWith("_OFFSET")))
                .hasSize(rows.size());
        assertThat(lines).anyMatch(line -> line.contains("`41 53 48 4c`"));
        assertThat(Integer.reverseBytes(FrameHeader.MAGIC)).isEqualTo(0x4153484c);
    }

    @Test
    void shouldNameEveryFlag() throws Exception {
        List<List<String>> rows = table("### Flags");
        assertThat(FrameFlags.class.getFields()).hasSize(rows.size());
        for (List<String> row : rows) {
            assertThat(FrameFlags.class.getField(row.get(2)).getInt(null)).isEqualTo(Integer.parseInt(row.get(1)));
        }
    }

    @Test
    void shouldNameEveryOperationWithItsLimitsAndFlags() {
        List<List<String>> rows = table("### Operations");
        assertThat(rows).hasSize(Opcode.values().length);
        for (List<String> row : rows) {
            Opcode opcode = Opcode.valueOf(row.get(2));
            assertThat(opcode.code()).isEqualTo(Integer.parseInt(row.get(1)));
            assertThat(opcode.requestPayloadBytesMax()).as(row.get(2)).isEqualTo(Integer.parseInt(row.get(3)));
            assertThat(opcode.answerPayloadBytesMax()).as(row.get(2)).isEqualTo(Integer.parseInt(row.get(4)));
            int flags = 0;
            for (String flag : row.get(5).split(", ", -1)) {
                flags |= Map.of("-", 0, "FUA", FrameFlags.FUA, "UNMAP", FrameFlags.UNMAP)
                        .get(flag);
            }
            assertThat(opcode.requestFlags()).as(row.get(2)).isEqualTo(flags);
        }
    }

    @Test
    void shouldNameEveryStatus() {
        List<List<String>> rows = table("### Statuses");
        assertThat(rows).hasSize(Status.values().length);
        for (List<String> row : rows) {
            assertThat(Status.valueOf(row.get(2)).code()).isEqualTo(Integer.parseInt(row.get(1)));
        }
    }

    @Test
    void shouldStateEveryLimit() throws Exception {
        for (List<String> row : table("## Limits")) {
            Field limit = Limits.class.getField(row.get(1));
            assertThat(limit.getInt(null)).as(row.get(1)).isEqualTo(Integer.parseInt(row.get(2)));
        }
    }

    @Test
    void shouldShowTheExampleAsTheCodeEncodesIt() {
        int from = lines.indexOf("## Example");
        List<String> dump = lines.subList(from, lines.size()).stream()
                .filter(line -> line.matches("[0-9a-f]{4}  .*"))
                .toList();
        byte[] frame = GoldenFramesTest.exampleWrite();
        List<String> expected = new ArrayList<>();
        for (int at = 0; at < 84; at += 16) {
            StringBuilder line = new StringBuilder(String.format("%04x ", at));
            for (int i = at; i < Math.min(at + 16, 84); i++) {
                line.append(String.format(" %02x", frame[i]));
            }
            expected.add(line.toString());
        }
        assertThat(dump).isEqualTo(expected);
    }
}
