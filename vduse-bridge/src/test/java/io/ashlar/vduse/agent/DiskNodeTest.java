package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskNodeTest {
    @TempDir
    Path folder;

    private boolean isLink(String name) {
        return Files.exists(folder.resolve("ashlar").resolve(name), LinkOption.NOFOLLOW_LINKS);
    }

    @Test
    void shouldRemoveTheLinksOfADiskThatIsGoneAndNoOthers() throws IOException {
        HostFolders host = new HostFolders(folder, folder, folder);
        DiskNode.unlink(host, "vda");
        new DiskNode(host, "vda").linkAs("db");
        new DiskNode(host, "vdaa").linkAs("log");
        DiskNode.unlink(host, null);
        assertThat(isLink("db")).isTrue();
        DiskNode.unlink(host, "vda");
        assertThat(isLink("db")).isFalse();
        assertThat(isLink("log")).isTrue();
    }
}
