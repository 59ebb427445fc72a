package io.ashlar.server;

import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.ServerConfig;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A node in a process of its own, to be killed. */
final class NodeProcess implements AutoCloseable {
    private final Process process;
    private final InetSocketAddress address;

    private NodeProcess(Process process, InetSocketAddress address) {
        this.process = process;
        this.address = address;
    }

    /** What runs in the process: a node that prints its port and lives until its input ends. */
    public static final class Main {
        private Main() {}

        /** Starts the node. */
        public static void main(String[] args) throws IOException {
            ListenAddress any = new ListenAddress("127.0.0.1", 0);
            StorageNode node =
                    StorageNode.start(ServerConfig.of(Path.of(args[0])).withAddresses(any, any, false));
            System.out.println("port " + node.addresses().block().getPort());
            while (System.in.read() >= 0) {
                // Until the test lets go.
            }
            node.close();
        }
    }

    static NodeProcess start(Path folder) throws IOException {
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:MaxDirectMemorySize=512m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                folder.toString());
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        BufferedReader out =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        StringBuilder all = new StringBuilder();
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            if (line.startsWith("port ")) {
                return new NodeProcess(
                        process,
                        new InetSocketAddress(
                                InetAddress.getLoopbackAddress(), Integer.parseInt(line.substring("port ".length()))));
            }
            all.append(line).append('\n');
        }
        throw new AssertionError("the node did not start:\n" + all);
    }

    InetSocketAddress address() {
        return address;
    }

    /** Kills it as the kernel would. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        if (!process.waitFor(20, TimeUnit.SECONDS)) {
            throw new AssertionError("it does not die");
        }
    }

    /** Ends it in order. */
    int stop() throws IOException, InterruptedException {
        process.getOutputStream().close();
        if (!process.waitFor(40, TimeUnit.SECONDS)) {
            throw new AssertionError("it does not stop");
        }
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
