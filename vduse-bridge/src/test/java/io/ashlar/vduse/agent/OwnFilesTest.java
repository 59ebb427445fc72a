package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.agent.AttachedVolume.State;
import io.ashlar.vduse.agent.OwnFiles.Place;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The bridge's own files on disks that it serves, against folders laid out as /sys. */
class OwnFilesTest {
    @TempDir
    Path root;

    private final Map<Path, String> deviceOf = new HashMap<>();
    private final List<String> warnings = new ArrayList<>();
    private Path block;
    private Path log;
    private Path program;
    private OwnFiles files;

    @BeforeEach
    void layOut() throws IOException {
        block = Files.createDirectories(root.resolve("sys/block"));
        disk("vda", "254:0");
        disk("vda/vda1", "254:1");
        disk("dm-0", "253:0");
        log = Files.createFile(root.resolve("log"));
        program = Files.createFile(root.resolve("program.jar"));
        deviceOf.put(log, "8:1");
        deviceOf.put(program, "8:1");
        files = new OwnFiles(
                new HostFolders(root.resolve("proc"), root.resolve("sys"), root.resolve("dev")),
                List.of(new Place("program", program), new Place("log", log), new Place("gone", root.resolve("gone"))),
                deviceOf::get);
    }

    private void disk(String name, String number) throws IOException {
        Path folder = Files.createDirectories(block.resolve(name));
        Files.createDirectories(folder.resolve("holders"));
        Files.writeString(folder.resolve("dev"), number + "\n");
    }

    private SelfWatch watch() {
        AttachedVolume volume = new AttachedVolume("v1", State.ATTACHED);
        volume.appearedAs("vda");
        AttachedVolume attaching = new AttachedVolume("v2", State.ATTACHING);
        return new SelfWatch(files, List.of(volume, attaching), warnings::add);
    }

    @Test
    void shouldFindNothingWhenAllFilesLieElsewhere() throws IOException {
        assertThat(files.on("vda")).isEmpty();
    }

    @Test
    void shouldFindFilesOnTheDiskAndOnItsPartitions() throws IOException {
        deviceOf.put(log, "254:0");
        deviceOf.put(program, "254:1");
        assertThat(files.on("vda")).containsExactly("program", "log");
    }

    @Test
    void shouldFindFilesOnALogicalVolumeOfAPartition() throws IOException {
        Files.createDirectory(block.resolve("vda/vda1/holders/dm-0"));
        deviceOf.put(log, "253:0");
        assertThat(files.on("vda")).containsExactly("log");
    }

    @Test
    void shouldKnowThePlacesOfThisProcess() throws IOException {
        String number = DeviceUsers.number((Long) Files.getAttribute(root, "unix:dev"));
        disk("vdz", number);
        OwnFiles own = OwnFiles.ofThisProcess(
                new HostFolders(Path.of("/proc"), root.resolve("sys"), root.resolve("dev")), root);
        assertThat(own.on("vdz")).contains("folder of the control socket");
        disk("vdy", "4095:1");
        assertThat(own.on("vdy")).isEmpty();
    }

    @Test
    void shouldWarnOncePerCaseAndAgainWhenItHasComeBack() {
        try (SelfWatch watch = watch()) {
            watch.look();
            assertThat(warnings).isEmpty();
            deviceOf.put(log, "254:1");
            watch.look();
            watch.look();
            assertThat(warnings)
                    .containsExactly("the bridge's log lies on v1 (/dev/vda), which it serves itself: when the node is"
                            + " away, both may wait for each other for ever");
            deviceOf.put(log, "8:1");
            watch.look();
            deviceOf.put(log, "254:1");
            watch.look();
            assertThat(warnings).hasSize(2);
        }
    }
}
