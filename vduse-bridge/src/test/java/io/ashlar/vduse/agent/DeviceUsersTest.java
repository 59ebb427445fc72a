package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who uses a disk, against folders laid out as /proc and /sys. */
class DeviceUsersTest {
    private static final long OWN_PID = 999;
    private static final Map<String, String> NUMBERS =
            Map.of("/dev/vda", "254:0", "/srv/box/dev/data", "254:0", "/dev/vda1", "254:1");

    @TempDir
    Path root;

    private DeviceUsers users;
    private Path proc;
    private Path block;

    @BeforeEach
    void layOut() throws IOException {
        proc = root.resolve("proc");
        block = root.resolve("sys/block");
        Path disk = Files.createDirectories(block.resolve("vda/vda1/holders"))
                .getParent()
                .getParent();
        Files.createDirectories(disk.resolve("holders"));
        Files.writeString(disk.resolve("dev"), "254:0\n");
        Files.writeString(disk.resolve("vda1/dev"), "254:1\n");
        Files.createDirectories(proc);
        Files.writeString(proc.resolve("swaps"), "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n");
        process(1, "init", "mnt:[1]", "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n");
        process(OWN_PID, "java", "mnt:[1]", "");
        open(OWN_PID, 5, "/dev/vda");
        users = new DeviceUsers(
                new HostFolders(proc, root.resolve("sys"), root.resolve("dev")),
                OWN_PID,
                file -> NUMBERS.getOrDefault(Files.readSymbolicLink(file).toString(), ""));
    }

    private void process(long pid, String command, String namespace, String mounts) throws IOException {
        Path process = Files.createDirectories(proc.resolve(Long.toString(pid)));
        Files.createDirectories(process.resolve("fd"));
        Files.createDirectories(process.resolve("ns"));
        Files.createSymbolicLink(process.resolve("ns/mnt"), Path.of(namespace));
        Files.writeString(process.resolve("comm"), command + "\n");
        Files.writeString(process.resolve("mountinfo"), mounts);
    }

    private void open(long pid, int fd, String target) throws IOException {
        Files.createSymbolicLink(proc.resolve(pid + "/fd/" + fd), Path.of(target));
    }

    @Test
    void shouldFindNobodyWhenOnlyTheBridgeHasItOpen() throws IOException {
        open(1, 3, "socket:[77]");
        open(1, 4, "/etc/passwd");
        assertThat(users.of("vda")).isEmpty();
    }

    @Test
    void shouldNameProcessAndCommandWhenItIsOpen() throws IOException {
        process(42, "dd", "mnt:[1]", "");
        open(42, 7, "/dev/vda");
        assertThat(users.of("vda")).containsExactly("open in process 42 (dd)");
    }

    @Test
    void shouldSeeThroughAnotherNameInAContainer() throws IOException {
        process(43, "postgres", "mnt:[2]", "");
        open(43, 9, "/srv/box/dev/data");
        assertThat(users.of("vda")).containsExactly("open in process 43 (postgres)");
    }

    @Test
    void shouldFindAMountInAnotherNamespaceAndOfAPartition() throws IOException {
        process(44, "sleep", "mnt:[3]", "99 1 254:1 / /mnt/my\\040data rw - ext4 /dev/vda1 rw\n");
        assertThat(users.of("vda")).containsExactly("mounted on /mnt/my data (seen by process 44, sleep)");
    }

    @Test
    void shouldNameAMountOnceWhenManyProcessesSeeIt() throws IOException {
        String mounts = "99 1 254:0 / /data rw - xfs /dev/vda rw\n";
        process(45, "a", "mnt:[4]", mounts);
        process(46, "b", "mnt:[4]", mounts);
        assertThat(users.of("vda")).hasSize(1).allMatch(user -> user.startsWith("mounted on /data"));
    }

    @Test
    void shouldFindSwapHoldersAndLoopDevices() throws IOException {
        Files.writeString(proc.resolve("swaps"), "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n");
        Files.createDirectories(block.resolve("vda/holders/dm-3"));
        Files.createDirectories(block.resolve("loop4/loop"));
        Files.writeString(block.resolve("loop4/loop/backing_file"), "/dev/vda\n");
        assertThat(users.of("vda")).containsExactlyInAnyOrder("swap on vda1", "held by dm-3 (vda)", "held by loop4");
    }

    @Test
    void shouldNotLookAtFilesOfRemoteFileSystems() throws IOException {
        process(47, "tar", "mnt:[5]", "70 1 0:50 / /net/box rw - nfs4 box:/ rw\n");
        open(47, 3, "/net/box/dev/vda");
        users = new DeviceUsers(new HostFolders(proc, root.resolve("sys"), root.resolve("dev")), OWN_PID, file -> {
            assertThat(Files.readSymbolicLink(file).toString()).doesNotStartWith("/net/box");
            return "";
        });
        assertThat(users.of("vda")).isEmpty();
    }

    @Test
    void shouldSurviveProcessesThatEndMeanwhile() throws IOException {
        Files.createDirectories(proc.resolve("48"));
        process(49, "fio", "mnt:[1]", "");
        open(49, 3, "/dev/vda");
        assertThat(users.of("vda")).containsExactly("open in process 49 (fio)");
    }

    @Test
    void shouldStopNamingAfterEight() throws IOException {
        for (int pid = 100; pid < 120; pid++) {
            process(pid, "dd", "mnt:[1]", "");
            open(pid, 3, "/dev/vda");
        }
        assertThat(users.of("vda")).hasSize(8);
    }

    @Test
    void shouldTellRealFilesFromBlockDevices() throws IOException {
        assertThat(DeviceUsers.numberOf(Path.of("/dev/null")))
                .as("a character device")
                .isEmpty();
        assertThat(DeviceUsers.numberOf(root)).isEmpty();
    }
}
