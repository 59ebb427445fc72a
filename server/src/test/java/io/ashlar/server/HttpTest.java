package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.status.Status;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.store.file.StoreException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The HTTP port. */
class HttpTest {
    @TempDir
    Path folder;

    static HttpResponse<String> get(NodeFixture node, String path) throws IOException {
        URI uri = URI.create("http://127.0.0.1:" + node.http().getPort() + path);
        try {
            return HttpClient.newHttpClient()
                    .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    static double metric(NodeFixture node, String name) throws IOException {
        return get(node, "/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .map(line -> Double.parseDouble(line.substring(name.length() + 1)))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no metric " + name));
    }

    @Test
    void shouldCountRequestsByOperationAndOutcomeWhenScraped() throws IOException {
        try (NodeFixture node = new NodeFixture(folder);
                RawClient client = RawClient.ready(node.address())) {
            assertThat(client.create("v", 1 << 20, 512).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            for (int i = 0; i < 5; i++) {
                assertThat(client.write(handle, 0, new byte[4096])).isEqualTo(Status.OK);
            }
            assertThat(client.simple(Opcode.READ, handle, 1 << 20, 512, 0, 0).status())
                    .isEqualTo(Status.OUT_OF_RANGE);
            assertThat(client.read(handle, 512, 512)).hasSize(512);

            assertThat(metric(node, "ashlar_node_requests_total{operation=\"write\",status=\"ok\"}"))
                    .isEqualTo(5);
            assertThat(metric(node, "ashlar_node_requests_total{operation=\"read\",status=\"out_of_range\"}"))
                    .isEqualTo(1);
            assertThat(metric(node, "ashlar_node_data_bytes_total{operation=\"write\"}"))
                    .isEqualTo(5 * 4096);
            assertThat(metric(node, "ashlar_node_data_bytes_total{operation=\"read\"}"))
                    .isEqualTo(4096);
            assertThat(metric(node, "ashlar_node_request_seconds_count{operation=\"write\"}"))
                    .isEqualTo(5);
            assertThat(metric(node, "ashlar_node_request_seconds_bucket{operation=\"write\",le=\"+Inf\"}"))
                    .isEqualTo(5);
            assertThat(metric(node, "ashlar_node_connections")).isEqualTo(1);
            assertThat(metric(node, "ashlar_node_handles")).isEqualTo(1);
            assertThat(metric(node, "ashlar_node_in_flight")).isZero();
            assertThat(metric(node, "ashlar_node_hand_offs_total")).isZero();
            assertThat(metric(node, "ashlar_node_volumes")).isEqualTo(1);
            assertThat(metric(node, "ashlar_node_attachments")).isEqualTo(1);
            assertThat(metric(node, "ashlar_node_stored_bytes")).isEqualTo(4096);
            assertThat(metric(node, "ashlar_node_volumes_settling")).isZero();
            node.files().settle(true);
            assertThat(metric(node, "ashlar_node_volumes_settling")).isEqualTo(1);
            assertThat(get(node, "/metrics").body())
                    .contains(
                            "ashlar_build_info{", "jvm_gc_", "jvm_memory_used_bytes", "ashlar_store_file_syncs_total");
        }
    }

    @Test
    void shouldAnswerHealthAndNothingElseWhenAsked() throws IOException {
        try (NodeFixture node = new NodeFixture(folder)) {
            assertThat(get(node, "/healthz").statusCode()).isEqualTo(200);
            assertThat(get(node, "/healthz").body()).isEqualTo("ok\n");
            assertThat(get(node, "/").statusCode()).isEqualTo(404);
            assertThat(get(node, "/metrics/more").statusCode()).isEqualTo(404);
        }
    }

    @Test
    void shouldSayThatItIsStartingUntilItsVolumesHaveBeenOpened() throws IOException {
        try (NodeFixture node = new NodeFixture(folder)) {
            try (RawClient client = RawClient.ready(node.address())) {
                assertThat(client.create("v", 1 << 20, 512).status()).isEqualTo(Status.OK);
            }
            node.stop();
            CountDownLatch mayOpen = new CountDownLatch(1);
            node.files().beforeOpen(() -> awaitQuietly(mayOpen));
            node.start();
            HttpResponse<String> answer = get(node, "/healthz");
            mayOpen.countDown();
            assertThat(answer.statusCode()).isEqualTo(503);
            assertThat(answer.body()).isEqualTo("starting: its volumes are being opened\n");
            while (answer.statusCode() == 503) {
                answer = get(node, "/healthz");
            }
            assertThat(answer.body()).isEqualTo("ok\n");
        }
    }

    @Test
    void shouldServeAndSayAtOnceWhichVolumeIsDegradedWhenASyncHasFailed() throws IOException {
        try (NodeFixture node = new NodeFixture(folder);
                RawClient client = RawClient.ready(node.address())) {
            assertThat(client.create("v", 1 << 20, 512).status()).isEqualTo(Status.OK);
            client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0);
            assertThat(get(node, "/healthz").body()).isEqualTo("ok\n");
            assertThat(metric(node, "ashlar_node_volumes_degraded")).isZero();
            node.files().failSyncs();
            assertThat(get(node, "/healthz").statusCode()).isEqualTo(200);
            assertThat(get(node, "/healthz").body()).isEqualTo("degraded\nvolume v: a sync has failed\n");
            node.files().failWith(new StoreException("can't list a folder"));
            assertThat(metric(node, "ashlar_node_volumes_degraded")).isEqualTo(1);
            assertThat(metric(node, "ashlar_node_volumes_unopenable")).isZero();
            assertThat(metric(node, "ashlar_node_stored_bytes")).as("as before").isEqualTo(4096);
        }
    }

    @Test
    void shouldServeAndSayWhichVolumeCanNotBeOpened() throws IOException {
        try (NodeFixture node = new NodeFixture(folder)) {
            try (RawClient client = RawClient.ready(node.address())) {
                assertThat(client.create("v", 1 << 20, 512).status()).isEqualTo(Status.OK);
            }
            node.stop();
            node.files().failWith(new StoreException("it has no valid header"));
            node.start();
            assertThat(get(node, "/healthz").statusCode()).isEqualTo(200);
            assertThat(get(node, "/healthz").body())
                    .isEqualTo("degraded\nvolume v: can't be opened: it has no valid header\n");
            assertThat(metric(node, "ashlar_node_volumes_unopenable")).isEqualTo(1);
            assertThat(metric(node, "ashlar_node_volumes_degraded")).isZero();
        }
    }
}
