package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.nbd.session.RawNbd;
import io.ashlar.nbd.wire.Command;
import io.ashlar.nbd.wire.NbdError;
import io.ashlar.server.StorageNode;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.ServerConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Two processes that export the same volume of a real node. */
@Timeout(120) // against a process that says nothing
class NbdFencingTest {
    private static final byte[] NOTHING = new byte[0];

    @TempDir
    Path folder;

    private static byte[] block(int value) {
        byte[] block = new byte[4096];
        Arrays.fill(block, (byte) value);
        return block;
    }

    private static CommandProcess export(StorageNode node, String... more) throws IOException {
        List<String> words = new ArrayList<>(List.of("nbd", "vol", "--listen", "127.0.0.1:0", "--server"));
        words.add(address(node));
        words.addAll(List.of(more));
        return CommandProcess.start(words.toArray(String[]::new));
    }

    private static String address(StorageNode node) {
        return "127.0.0.1:" + node.addresses().block().getPort();
    }

    private static RawNbd clientOf(CommandProcess export) throws IOException {
        String line = export.awaitLine("volume vol is served on");
        return RawNbd.modern(Integer.parseInt(line.replaceAll(".*nbd://127.0.0.1:([0-9]+)/.*", "$1")), false);
    }

    @Test
    void shouldRefuseASecondExportUnlessItStealsAndThenFenceTheFirst() throws Exception {
        ListenAddress any = new ListenAddress("127.0.0.1", 0);
        try (StorageNode node =
                StorageNode.start(ServerConfig.of(folder.resolve("data")).withAddresses(any, any, false))) {
            CommandLine commandLine = Main.commandLine();
            assertThat(commandLine.execute("volume", "create", "vol", "--size", "64M", "--server", address(node)))
                    .isZero();
            try (CommandProcess first = export(node);
                    RawNbd owner = clientOf(first)) {
                assertThat(owner.write(0, block(1))).isZero();
                assertThat(owner.ask(Command.FLUSH, 0, 0, 0, NOTHING)).isZero();
                assertThat(owner.write(4096, block(2))).isZero();
                try (CommandProcess second = export(node)) {
                    assertThat(second.awaitEnd()).startsWith("exit 1").contains("volume vol is held by");
                }
                assertThat(owner.write(8192, block(3))).isZero();
                try (CommandProcess thief = export(node, "--steal");
                        RawNbd robber = clientOf(thief)) {
                    assertThat(robber.read(8192, 4096)).isEqualTo(block(3));
                    assertThat(robber.write(8192, block(4))).isZero();
                    for (Command command : List.of(Command.WRITE, Command.FLUSH, Command.READ, Command.TRIM)) {
                        boolean writes = command == Command.WRITE;
                        int length = command == Command.FLUSH ? 0 : 4096;
                        assertThat(owner.ask(command, 0, length == 0 ? 0 : 8192, length, writes ? block(5) : NOTHING))
                                .as(command.name())
                                .isEqualTo(NbdError.EIO.code());
                    }
                    assertThat(robber.read(8192, 4096)).isEqualTo(block(4));
                    assertThat(robber.ask(Command.FLUSH, 0, 0, 0, NOTHING)).isZero();
                }
            }
        }
    }
}
