package io.ashlar.lab.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The machine itself, with nothing of Ashlar's in it: if this fails, no other test in the machine means anything. */
@Tag("kernel")
class VirtualMachineIT {
    private static final String ATTACH_A_DISK_OF_NOTHING =
            """
            set -e
            source lab/vm/peers
            grep '^vduse ' /proc/modules
            start_qsd_null 2 64M
            echo "device $PEER_DEVICE"
            blockdev --getsize64 "$PEER_DEVICE" >"$ASHLAR_OUT/size"
            stop_peer
            findmnt -n -o FSTYPE "$ASHLAR_SCRATCH"
            echo "disks $ASHLAR_DISKS"
            echo "to standard error" >&2
            exit 3
            """;

    @TempDir
    Path files;

    @Test
    void shouldTurnAVduseDeviceIntoADiskAndBringBackOutputFilesAndExitCode() throws Exception {
        VmResult result = VirtualMachine.leavingFilesIn(files)
                .disk("64M")
                .timeout(Duration.ofMinutes(5))
                .run("bash", "-c", ATTACH_A_DISK_OF_NOTHING);

        assertThat(result.output().lines())
                .anyMatch(line -> line.startsWith("vduse "))
                .contains("device /dev/vda", "ext4", "disks /dev/vde", "to standard error");
        assertThat(result.exitCode()).isEqualTo(3);
        assertThat(result.file("size")).isEqualTo("67108864\n");
        assertThat(result.file("dmesg.txt")).contains("Linux version");
    }

    @Test
    void shouldTellAPanicFromAFailure() {
        VirtualMachine machine = VirtualMachine.leavingFilesIn(files).timeout(Duration.ofMinutes(5));

        assertThatThrownBy(() -> machine.run("bash", "-c", "echo c >/proc/sysrq-trigger; sleep 60"))
                .isInstanceOf(VmException.class)
                .hasMessageContaining("panicked")
                .hasMessageContaining("sysrq triggered crash");
    }
}
