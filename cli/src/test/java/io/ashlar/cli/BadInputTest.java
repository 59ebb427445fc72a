package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoops;
import io.ashlar.server.StorageNode;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.ServerConfig;
import io.ashlar.vduse.agent.VolumeOpener;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/**
 * What users get wrong: each row is a command line, its exit code, and words of the one line that says what to do. In
 * command lines, {@code @server} is the address of a running node that has volume {@code v}, {@code @second} of one that
 * has {@code v} and {@code u}, {@code @garbage} a port where something else answers, {@code @closed} one where nobody
 * listens, {@code @folder} an empty folder, {@code @busy} the running node's data folder, {@code @plain} a folder that is
 * none, {@code @file} a file.
 */
class BadInputTest {
    @TempDir
    static Path folder;

    private static StorageNode node;
    private static StorageNode second;
    private static ServerSocket garbage;
    private static int closedPort;

    @BeforeAll
    static void start() throws IOException {
        ListenAddress any = new ListenAddress("127.0.0.1", 0);
        node = StorageNode.start(ServerConfig.of(folder.resolve("data")).withAddresses(any, any, false));
        second = StorageNode.start(ServerConfig.of(folder.resolve("second")).withAddresses(any, any, false));
        garbage = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
        Thread thread = new Thread(BadInputTest::answerGarbage, "garbage");
        thread.setDaemon(true);
        thread.start();
        try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closedPort = closed.getLocalPort();
        }
        Files.createDirectory(folder.resolve("empty"));
        Files.writeString(folder.resolve("file"), "not a folder");
        Files.createDirectory(folder.resolve("plain"));
        assertThat(run("volume create v --size 1G --server @server").exitCode()).isZero();
        assertThat(run("volume create v --size 1G --server @second").exitCode()).isZero();
        assertThat(run("volume create u --size 2G --server @second").exitCode()).isZero();
    }

    @AfterAll
    static void stop() throws IOException {
        garbage.close();
        node.close();
        second.close();
    }

    private static void answerGarbage() {
        while (!garbage.isClosed()) {
            try (Socket socket = garbage.accept()) {
                socket.getOutputStream()
                        .write("SSH-2.0-OpenSSH_9.2\r\n".repeat(8).getBytes(StandardCharsets.US_ASCII));
            } catch (IOException e) {
                return; // the test is over
            }
        }
    }

    private record Result(int exitCode, String out, String err) {}

    private static Result run(String line) {
        String[] words = line.replace("@server", text(node.addresses().block().getPort()))
                .replace("@second", text(second.addresses().block().getPort()))
                .replace("@plain", folder.resolve("plain").toString())
                .replace("@garbage", text(garbage.getLocalPort()))
                .replace("@closed", text(closedPort))
                .replace("@folder", folder.resolve("empty").toString())
                .replace("@busy", folder.resolve("data").toString())
                .replace("@file", folder.resolve("file").toString())
                .split(" ", -1);
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine commandLine = Main.commandLine();
        commandLine.setOut(new PrintWriter(out, true));
        commandLine.setErr(new PrintWriter(err, true));
        int exitCode = commandLine.execute(words);
        return new Result(exitCode, out.toString(), err.toString());
    }

    private static String text(int port) {
        return "127.0.0.1:" + port;
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
            frobnicate                                                  | 2 | frobnicate
            volume frobnicate                                           | 2 | frobnicate
            volume create                                               | 2 | Missing required
            volume create w                                             | 2 | --size
            volume create w --size ten --server @server                 | 2 | 'ten' is not a size; write it like
            volume create w --size -1G --server @server                 | 2 | is not a size
            volume create w --size 1.00001 --server @server             | 2 | not a whole number of bytes
            volume create w --size 9999999P --server @server            | 2 | too large
            volume create w --size 2P --server @server                  | 1 | not a multiple
            volume create w --size 0 --server @server                   | 1 | not a multiple
            volume create w --size 1000 --server @server                | 1 | not a multiple
            volume create w --size 1G --block-size 1024 --server @server| 1 | neither 512 nor 4096
            volume create w --size 1G --block-size x --server @server   | 2 | 'x' is not an int
            volume create W --size 1G --server @server                  | 1 | small letters
            volume create ../w --size 1G --server @server               | 1 | small letters
            volume create v --size 1G --server @server                  | 1 | exists already
            volume show w --server @server                              | 1 | w
            volume delete w --server @server                            | 1 | w
            volume resize w --size 2G --server @server                  | 1 | w
            volume resize v --size 1M --server @server                  | 1 | small
            volume release w --server @server                           | 1 | w
            volume list --server @closed                                | 3 | nothing listens there; is it running
            volume list --server @garbage                               | 1 | is no Ashlar node
            volume list --server 127.0.0.1                              | 1 | is not HOST:PORT
            volume list --server 127.0.0.1:99999                        | 1 | is not HOST:PORT
            volume list --server no-such-host.invalid:7440              | 1 | no address found for host
            volume list --server @server,@closed                        | 3 | nothing listens there; is it running
            volume list --server @server,,@second                       | 1 | '' is not HOST:PORT
            volume show v --server @server,@second                      | 1 | there is a volume v on 127.0.0.1
            volume show w --server @server,@second                      | 1 | there is no volume w on 127.0.0.1
            volume show w --server @closed,@second                      | 3 | no node that answers has a volume w
            volume show u --server @server,@garbage                     | 1 | is no Ashlar node
            volume create w --size 1G --server @server,@second          | 1 | names 2 nodes: name the one that it is to be on
            bench v --server @server,@second --seconds 1                | 1 | say with --server which one is meant
            volume list -o yaml                                         | 2 | yaml
            server                                                      | 2 | --data
            server --data @busy                                         | 1 | in use by another process
            server --data @file                                         | 1 | file
            server --data @folder --listen 0.0.0.0:7440                 | 1 | --insecure-listen
            server --data @folder --listen nonsense                     | 1 | is not an address
            server --data @folder --listen @server --http 127.0.0.1:0   | 1 | can't listen on
            bridge --queues 1000                                        | 1 | queues
            bridge --queue-size 100                                     | 1 | power of two
            bridge --cpus 0-x                                           | 1 | is not a list such as 0-3
            bridge --cpus 5-2                                           | 1 | runs backwards
            bridge --cpus 1000                                          | 1 | can't be used
            bridge --bounce-size 1K                                     | 1 | 1 MiB to 1 GiB
            bridge --message-timeout 0                                  | 1 | at least 1 second
            bridge --http 0.0.0.0:7442                                  | 1 | --insecure-listen
            bridge --http nonsense                                      | 1 | is not an address
            bridge --drain --control @folder/bridge.sock                | 3 | there is no such socket
            attach v --control @file                                    | 3 | is it running
            attach v --control @folder/bridge.sock                      | 3 | there is no such socket
            detach v --control @folder/bridge.sock                      | 3 | there is no such socket
            detach v --force --control @folder/bridge.sock              | 3 | there is no such socket
            attachments --control @folder/bridge.sock                   | 3 | there is no such socket
            store check @busy                                           | 1 | in use by another process
            store check @plain                                          | 1 | is not a data folder
            store check @folder/absent                                  | 1 | absent
            store export @busy w @folder/image                          | 1 | no volume w
            nbd v --listen 0.0.0.0:0 --server @server                   | 1 | --insecure-listen
            nbd v --listen 127.0.0.1 --server @server                   | 1 | is not HOST:PORT
            nbd v --listen @garbage --server @server                    | 1 | can't listen on
            nbd v --listen @closed --socket @folder/s --server @server  | 1 | choose one
            nbd v --socket @file --server @server                       | 1 | is no socket
            nbd v --socket @folder/a/s --server @server                 | 1 | there is no folder
            nbd v --socket @folder/s --connections 0 --server @server   | 1 | --connections
            nbd v --socket @folder/s --cpus x --server @server          | 1 | --cpus
            nbd v --socket @folder/s --connections 1000 --server @server | 1 | MaxDirectMemorySize
            nbd v --socket @folder/s --steal --read-only --server @server | 1 | choose one
            nbd v --socket @folder/s --http garbage --server @server    | 1 | --http
            nbd v --socket @folder/s --http 0.0.0.0:0 --server @server  | 1 | --insecure-listen
            nbd w --socket @folder/s --server @server                   | 1 | w
            nbd w --socket @folder/s --io-timeout -1 --server @server   | 1 | --io-timeout
            volume import v @folder/absent --server @server             | 1 | there is no image
            volume import w @file --server @server                      | 1 | w
            volume import v - --create --server @server                 | 1 | need a file
            volume import v @file --resume --server @server             | 1 | nothing to resume
            volume export v @file --server @server                      | 1 | exists already
            volume export v - --verify --server @server                 | 1 | need a file
            volume export w @folder/w.raw --server @server              | 1 | w
            bench w --server @server --seconds 1                        | 1 | w
            bench v --server @server --seconds 0                        | 1 | --seconds
            bench v --server @server --depth 0                          | 1 | depth
            bench v --server @server --size 1000                        | 1 | multiple of
            bench v --server @server --read-percent 101                 | 1 | percent
            """)
    void shouldSayInOneLineWhatToDoWhenTheInputIsBad(String line, int exitCode, String words) {
        Result result = run(line);
        assertThat(result.err()).as(line).contains(words).startsWith("ashlar: ");
        assertThat(result.err().strip().lines()).as(line).hasSize(1);
        assertThat(result.exitCode()).as(line).isEqualTo(exitCode);
        assertThat(result.out()).as(line).isEmpty();
    }

    @Test
    void shouldServeOnAsBeforeAfterAllThat() {
        Result result = run("volume show v -o json --server @server");
        assertThat(result.exitCode()).isZero();
        assertThat(result.out()).contains("\"name\" : \"v\"").contains("\"sizeBytes\" : 1073741824");
    }

    @Test
    void shouldFindTheNodeThatHasTheVolumeWhenSeveralAreNamed() {
        String third = text(second.addresses().block().getPort());
        assertThat(run("volume show u -o json --server @server,@closed,@second").out())
                .contains("\"name\" : \"u\"");
        Result list = run("volume list --server @server,@second");
        assertThat(list.out().lines().map(line -> line.split(" +", 4)[0] + " " + line.split(" +", 4)[1]))
                .containsExactly(
                        "NODE NAME", text(node.addresses().block().getPort()) + " v", third + " u", third + " v");
        assertThat(run("volume list --server @server,@server").out()).doesNotContain("NODE");
        List<InetSocketAddress> nodes =
                List.of(node.addresses().block(), second.addresses().block());
        try (EpollLoops loops = EpollLoops.floating("control", 1)) {
            VolumeOpener opener = new RemoteVolumes(nodes, 0).on(loops.all().get(0));
            assertThatCode(() -> opener.open("u", true, false).device().close()).doesNotThrowAnyException();
            assertThatThrownBy(() -> opener.open("v", true, false))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("there is a volume v on")
                    .hasMessageContaining(third);
        }
    }

    @Test
    @Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void shouldNotWaitForAHungNodeWhenAnotherHasTheVolume() throws IOException {
        int anHour = 3_600_000;
        try (ServerSocket hung = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            InetSocketAddress first = (InetSocketAddress) hung.getLocalSocketAddress();
            InetSocketAddress with = second.addresses().block();
            assertThat(VolumeLookup.find(List.of(first, with), "u", 0, anHour)).isEqualTo(with);
            assertThatThrownBy(() -> VolumeLookup.find(
                            List.of(first, with, node.addresses().block()), "v", 0, anHour))
                    .as("those that have answered are compared")
                    .hasMessageContaining("there is a volume v on " + Addresses.text(with) + " and on ");
        }
    }

    @Test
    void shouldFindTheVolumeWhenAnotherNodeMakesNoSense() {
        InetSocketAddress with = second.addresses().block();
        InetSocketAddress senseless = (InetSocketAddress) garbage.getLocalSocketAddress();
        assertThat(VolumeLookup.find(List.of(senseless, with), "u", 0)).isEqualTo(with);
        assertThatThrownBy(() -> VolumeLookup.find(List.of(senseless, with), "w", 0))
                .hasMessageContaining("is no Ashlar node");
    }

    @Test
    void shouldNotWaitForANodeThatAnswersByteByByte() throws IOException {
        try (ServerSocket slow = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            Thread peer = new Thread(() -> trickle(slow), "slow");
            peer.setDaemon(true);
            peer.start();
            List<InetSocketAddress> nodes = List.of(
                    (InetSocketAddress) slow.getLocalSocketAddress(),
                    node.addresses().block());
            assertThatThrownBy(() -> VolumeLookup.find(nodes, "u", 0, 1_000))
                    .hasMessageContaining("no answer in time")
                    .hasMessageContaining(Addresses.text(nodes.get(0)));
        }
    }

    /** Takes far longer for a frame's header than any answer may take, without ever pausing for long. */
    private static void trickle(ServerSocket server) {
        try (Socket socket = server.accept()) {
            for (int i = 0; i < 64; i++) {
                socket.getOutputStream().write(0);
                TimeUnit.MILLISECONDS.sleep(400);
            }
        } catch (IOException | InterruptedException e) {
            Thread.currentThread().interrupt(); // the test is over
        }
    }

    @Test
    void shouldAskANodeThatIsBackWhileAnotherIsHung() throws Exception {
        ListenAddress any = new ListenAddress("127.0.0.1", 0);
        ServerConfig config = ServerConfig.of(folder.resolve("back"));
        int port;
        try (StorageNode before = StorageNode.start(config.withAddresses(any, any, false))) {
            port = before.addresses().block().getPort();
            assertThat(run("volume create back --size 1G --server " + text(port))
                            .exitCode())
                    .isZero();
        }
        try (ServerSocket hung = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            List<InetSocketAddress> nodes = List.of(
                    (InetSocketAddress) hung.getLocalSocketAddress(),
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            CompletableFuture<InetSocketAddress> found = CompletableFuture.supplyAsync(
                    () -> VolumeLookup.find(nodes, "back", 100_000, 3_600_000),
                    task -> new Thread(task, "background").start());
            ListenAddress same = new ListenAddress("127.0.0.1", port);
            try (StorageNode after = StorageNode.start(config.withAddresses(same, any, false))) {
                assertThat(found.get(100, TimeUnit.SECONDS))
                        .isEqualTo(after.addresses().block());
            }
        }
    }

    @Test
    void shouldStillHaveTheTimeToAttachWhenAnotherNodeIsHung() throws Exception {
        try (ServerSocket hung = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                EpollLoops loops = EpollLoops.floating("control", 1)) {
            List<InetSocketAddress> nodes =
                    List.of(node.addresses().block(), (InetSocketAddress) hung.getLocalSocketAddress());
            VolumeOpener opener =
                    new RemoteVolumes(nodes, 0, "-hung", 5_000).on(loops.all().get(0));
            assertThatCode(() -> opener.open("v", true, false).device().close()).doesNotThrowAnyException();
        }
    }

    @Test
    void shouldAskANodeAgainWhenItCouldNotBeReached() throws Exception {
        List<InetSocketAddress> nodes =
                List.of(node.addresses().block(), new InetSocketAddress(InetAddress.getLoopbackAddress(), closedPort));
        assertThatThrownBy(() -> VolumeLookup.find(nodes, "late", 600)).hasMessageContaining("nothing listens there");
        ListenAddress any = new ListenAddress("127.0.0.1", 0);
        ServerConfig config = ServerConfig.of(folder.resolve("late"));
        try (StorageNode before = StorageNode.start(config.withAddresses(any, any, false))) {
            String line = "volume create late --size 1G --server ";
            assertThat(run(line + text(before.addresses().block().getPort())).exitCode())
                    .isZero();
        }
        CompletableFuture<InetSocketAddress> found = CompletableFuture.supplyAsync(
                () -> VolumeLookup.find(nodes, "late", 20_000), task -> new Thread(task, "background").start());
        ListenAddress closed = new ListenAddress("127.0.0.1", closedPort);
        try (StorageNode late = StorageNode.start(config.withAddresses(closed, any, false))) {
            assertThat(found.get(20, TimeUnit.SECONDS))
                    .isEqualTo(late.addresses().block());
        }
    }

    @Test
    void shouldOfferHelpAndVersionForEveryCommand() {
        for (String command : new String[] {"", "server ", "volume ", "bridge ", "attach ", "store ", "bench "}) {
            assertThat(run(command + "--help").out()).as(command).contains("Usage: ashlar");
        }
        assertThat(run("--version").out()).startsWith("ashlar ");
    }
}
