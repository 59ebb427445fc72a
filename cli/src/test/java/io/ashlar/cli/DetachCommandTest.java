package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoops;
import io.ashlar.vduse.agent.VolumeOpener;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** What {@code detach --force} says, by what the bridge, which is a model here, answers. */
@Timeout(60)
class DetachCommandTest {
    @TempDir
    Path folder;

    private String detach(String answer, String options) throws Exception {
        Path socket = folder.resolve("s");
        StringWriter out = new StringWriter();
        try (ServerSocketChannel bridge = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            bridge.bind(UnixDomainSocketAddress.of(socket));
            new Thread(() -> answerAll(bridge, answer), "bridge").start();
            CommandLine commandLine = Main.commandLine();
            commandLine.setOut(new PrintWriter(out, true));
            String line = "detach v --force --control " + socket + options;
            assertThat(commandLine.execute(line.split(" ", -1))).isZero();
        }
        return out.toString();
    }

    /** The command looks first whether anybody answers at all. */
    private static void answerAll(ServerSocketChannel bridge, String answer) {
        try {
            while (true) {
                try (SocketChannel client = bridge.accept()) {
                    BufferedReader lines = new BufferedReader(Channels.newReader(client, StandardCharsets.UTF_8));
                    if (lines.readLine() != null) {
                        client.write(StandardCharsets.UTF_8.encode(answer + "\n"));
                    }
                }
            }
        } catch (ClosedChannelException e) {
            assertThat(bridge.isOpen()).as("the command has ended").isFalse();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
            "staying":[],"failedRequests":17    | detached v; 17 requests in flight ended with I/O errors
            "staying":[],"failedRequests":1     | detached v; 1 request in flight ended with an I/O error
            "staying":[],"failedRequests":0     | detached v
            "staying":[]                        | detached v
            "staying":["v"],"failedRequests":2  | detached v; 2 requests in flight ended with I/O errors; could not tell its node, other hosts must attach it with --steal
            """)
    void shouldSayInOneLineHowManyRequestsEndedWithErrors(String answer, String said) throws Exception {
        assertThat(detach("{" + answer + "}", "")).isEqualTo(said + "\n");
    }

    @Test
    void shouldKeepNoDeviceForANodeWhoseNameNobodyKnows() {
        ServerOption server = CommandLine.populateCommand(new ServerOption(), "--server", "no-such-host.invalid:7440");
        try (EpollLoops loops = EpollLoops.floating("session", 1)) {
            VolumeOpener opener = DetachCommand.opener(server, loops.all().get(0));
            assertThatThrownBy(() -> opener.reopen("v", new UUID(1, 2), 3))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("no address found for host 'no-such-host.invalid'");
        }
        server.check();
        assertThatThrownBy(() -> CommandLine.populateCommand(new ServerOption(), "--server", "x")
                        .check())
                .isInstanceOf(Failure.class)
                .hasMessageContaining("is not HOST:PORT");
    }

    @Test
    void shouldTellProgramsHowManyRequestsEndedWithErrors() throws Exception {
        assertThat(detach("{\"staying\":[],\"failedRequests\":17}", " -o json"))
                .contains("\"failedRequests\" : 17", "\"givenBack\" : true");
    }
}
