package io.ashlar.cli;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/** Passes connections on to a node until so many bytes have come by, both ways together; from then on nothing does. */
final class StallingProxy implements AutoCloseable {
    private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final int nodePort;
    private final AtomicLong bytesLeft;
    private final CountDownLatch stalled = new CountDownLatch(1);
    private final List<Closeable> open = new CopyOnWriteArrayList<>(List.of(server));

    StallingProxy(int nodePort, long bytes) throws IOException {
        this.nodePort = nodePort;
        bytesLeft = new AtomicLong(bytes);
        start(this::accept);
    }

    String address() {
        return "127.0.0.1:" + server.getLocalPort();
    }

    /** Waits until nothing comes by any more. */
    void awaitStall() throws InterruptedException {
        stalled.await();
    }

    private interface Task {
        void run() throws IOException;
    }

    private static void start(Task task) {
        Thread thread = new Thread(() -> {
            try {
                task.run();
            } catch (IOException e) {
                Thread.currentThread().interrupt(); // closed at one end or by the test: the thread ends
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() throws IOException {
        while (true) {
            Socket client = server.accept();
            open.add(client);
            Socket node = new Socket(InetAddress.getLoopbackAddress(), nodePort);
            open.add(node);
            start(() -> pass(client, node));
            start(() -> pass(node, client));
        }
    }

    /** What is passed on is a whole piece or nothing. */
    private void pass(Socket from, Socket to) throws IOException {
        byte[] piece = new byte[64 << 10];
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream();
        for (int length = in.read(piece); length >= 0; length = in.read(piece)) {
            if (bytesLeft.addAndGet(-length) < 0) {
                stalled.countDown();
                return;
            }
            out.write(piece, 0, length);
        }
        from.close();
        to.close();
    }

    @Override
    public void close() throws IOException {
        for (Closeable each : open) {
            each.close();
        }
    }
}
