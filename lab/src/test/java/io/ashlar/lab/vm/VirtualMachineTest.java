package io.ashlar.lab.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What needs no machine: wrong options and missing things are one line each. */
class VirtualMachineTest {
    @TempDir
    Path files;

    @Test
    void shouldSayInOneLineWhatIsWrongWithAnOption() {
        VirtualMachine machine = VirtualMachine.leavingFilesIn(files).scratch("a lot");

        assertThatThrownBy(() -> machine.run("true"))
                .isInstanceOf(VmException.class)
                .hasMessageStartingWith("--scratch wants a size")
                .hasMessageNotContaining("\n");
    }

    @Test
    void shouldNotTakeTheStatusOfAnEarlierRunForItsOwn() throws Exception {
        Files.writeString(files.resolve("status.txt"), "exit 0\n");
        VirtualMachine machine = VirtualMachine.leavingFilesIn(files).memoryMib(0);

        assertThatThrownBy(() -> machine.run("true"))
                .isInstanceOf(VmException.class)
                .hasMessageContaining("--memory");
    }

    @Test
    void shouldKeepTheOptionsOfTheMachineItWasMadeFrom() {
        VirtualMachine small = VirtualMachine.leavingFilesIn(files).memoryMib(512);

        assertThat(small.disk("1G").disk("2G").options())
                .containsExactly("--memory", "512", "--disk", "1G", "--disk", "2G");
        assertThat(small.options()).containsExactly("--memory", "512");
    }
}
