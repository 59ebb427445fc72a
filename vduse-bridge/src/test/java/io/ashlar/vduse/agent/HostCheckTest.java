package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.agent.HostCheck.Finding;
import io.ashlar.vduse.agent.HostCheck.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostCheckTest {
    @TempDir
    Path root;

    private List<Finding> check(String release, String capabilities) throws IOException {
        Path proc = root.resolve("proc");
        Files.createDirectories(proc.resolve("sys/kernel"));
        Files.createDirectories(proc.resolve("self"));
        Files.writeString(proc.resolve("sys/kernel/osrelease"), release + "\n");
        Files.writeString(
                proc.resolve("self/status"), "Name:\tjava\nCapEff:\t" + capabilities + "\nCpus_allowed_list:\t0-3\n");
        Files.writeString(
                proc.resolve("self/limits"),
                """
                Max locked memory         8388608              8388608              bytes
                Max open files            1024                 4096                 files
                """);
        HostFolders host = new HostFolders(proc, root.resolve("sys"), root.resolve("dev"));
        return HostCheck.run(host, root.resolve("modules"), root.resolve("bin").toString());
    }

    private static Finding of(List<Finding> findings, String subject) {
        return findings.stream()
                .filter(finding -> finding.subject().equals(subject))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void shouldSayWhatToDoForEverythingThatIsMissing() throws IOException {
        List<Finding> findings = check("6.1.0-32-amd64", "0000000000000000");
        assertThat(findings)
                .filteredOn(finding -> finding.verdict() != Verdict.OK)
                .hasSizeGreaterThan(8)
                .allMatch(finding -> !finding.advice().isEmpty());
        assertThat(of(findings, "kernel").verdict()).isEqualTo(Verdict.WARNING);
        assertThat(of(findings, "module vduse").found()).isEqualTo("not there");
        assertThat(of(findings, "CAP_NET_ADMIN").verdict()).isEqualTo(Verdict.MISSING);
        assertThat(of(findings, "locked memory").found()).isEqualTo("8388608 bytes");
        assertThat(of(findings, "CPUs").found()).isEqualTo("0-3");
    }

    @Test
    void shouldTellAModuleThatIsLoadedFromOneThatCouldBe() throws IOException {
        Path folder = Files.createDirectories(root.resolve("modules/6.12.95"));
        Files.writeString(
                folder.resolve("modules.dep"),
                "kernel/drivers/vdpa/vdpa_user/vduse.ko.xz: kernel/drivers/vdpa/vdpa.ko.xz\n");
        Files.writeString(folder.resolve("modules.builtin"), "kernel/drivers/block/virtio_blk.ko\n");
        Files.createDirectories(root.resolve("sys/module/virtio_vdpa"));
        List<Finding> findings = check("6.12.95", "000001ffffffffff");
        assertThat(of(findings, "module vduse").advice()).isEqualTo("modprobe vduse");
        assertThat(of(findings, "module virtio_vdpa").found()).isEqualTo("loaded");
        assertThat(of(findings, "module virtio_blk").found()).isEqualTo("built in");
        assertThat(of(findings, "CAP_NET_ADMIN").verdict()).isEqualTo(Verdict.OK);
        assertThat(of(findings, "locked memory").verdict()).isEqualTo(Verdict.OK);
    }

    @Test
    void shouldRunOnAnyHost() {
        assertThat(HostCheck.run()).hasSize(12).allMatch(finding -> !finding.found()
                .isEmpty());
    }

    @Test
    void shouldCountThreadsThatMayWaitForIo() throws IOException {
        Path tasks = root.resolve("task");
        stat(tasks, "1", "1 (java) S 0 1 1 0 -1 4718848 1"); // 0x480100: PF_MEMALLOC_NOIO is 0x80000
        stat(tasks, "2", "2 (C2 (Compiler)) R 0 1 1 0 -1 4194560 1");
        assertThat(HostProtection.threadsThatMayWait(tasks)).isEqualTo(1);
    }

    private static void stat(Path tasks, String tid, String line) throws IOException {
        Files.createDirectories(tasks.resolve(tid));
        Files.writeString(tasks.resolve(tid).resolve("stat"), line);
    }
}
