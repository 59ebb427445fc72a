package io.ashlar.vduse.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnlineCpusTest {
    @TempDir
    Path folder;

    private Path file;
    private OnlineCpus cpus;

    @BeforeEach
    void setUp() {
        file = folder.resolve("online");
        cpus = new OnlineCpus(file);
    }

    @Test
    void shouldFollowTheFileThroughChanges() throws IOException {
        Files.writeString(file, "0-3\n");
        assertThat(cpus.read()).isEqualTo(BitSet.valueOf(new long[] {0b1111}));
        assertThat(cpus.read()).isEqualTo(BitSet.valueOf(new long[] {0b1111}));
        Files.writeString(file, "0\n");
        assertThat(cpus.read()).isEqualTo(BitSet.valueOf(new long[] {0b1}));
        Files.writeString(file, "0,2-3\n");
        assertThat(cpus.read()).isEqualTo(BitSet.valueOf(new long[] {0b1101}));
    }

    @Test
    void shouldGoOnAfterATextThatMakesNoSense() throws IOException {
        Files.writeString(file, "0-1\n");
        cpus.read();
        Files.writeString(file, "none\n");
        assertThatThrownBy(cpus::read).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(cpus::read).isInstanceOf(IllegalArgumentException.class);
        Files.writeString(file, "1\n");
        assertThat(cpus.read()).isEqualTo(BitSet.valueOf(new long[] {0b10}));
    }

    @Test
    void shouldSayThatThereIsNoFile() {
        assertThatThrownBy(cpus::read).isInstanceOf(IOException.class);
    }
}
