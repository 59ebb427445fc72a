package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class BridgeHttpTest {
    private static BridgeHttp parsed(String... options) {
        BridgeHttp http = new BridgeHttp();
        new CommandLine(CommandLine.Model.CommandSpec.create()
                        .addMixin("http", CommandLine.Model.CommandSpec.forAnnotatedObject(http)))
                .parseArgs(options);
        return http;
    }

    private static HttpResponse<String> get(String address, String path) throws IOException, InterruptedException {
        URI uri = URI.create("http://" + address + path);
        return HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
    }

    @Test
    void shouldTellMetricsAndHealthWhenItListens() throws Exception {
        String[] ailment = {""};
        try (BridgeHttp http = parsed("--http", "127.0.0.1:0")) {
            String address = http.listen(() -> ailment[0]);
            assertThat(get(address, "/healthz").statusCode())
                    .as("before there are metrics")
                    .isEqualTo(200);
            http.measure(List::of);
            assertThat(get(address, "/metrics").body()).contains("ashlar_build_info{", "jvm_gc_");
            ailment[0] = "stopping";
            assertThat(get(address, "/healthz").statusCode()).isEqualTo(503);
            assertThat(get(address, "/healthz").body()).isEqualTo("stopping\n");
        }
    }

    @Test
    void shouldLetTheBridgeGoOnWhenItsPortIsTaken() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                BridgeHttp http = parsed("--http", "127.0.0.1:" + taken.getLocalPort())) {
            assertThat(http.listen(() -> "")).isEmpty();
            http.measure(List::of);
        }
    }

    @Test
    void shouldListenNowhereWhenItIsOff() {
        try (BridgeHttp http = parsed("--http", "off")) {
            assertThat(http.address()).isNull();
            assertThat(http.listen(() -> "")).isEmpty();
        }
    }

    @Test
    void shouldListenWhereOthersReachItOnlyWhenThatIsMeant() {
        assertThat(parsed().address().getPort()).isEqualTo(7442);
        assertThat(parsed().address().getAddress().isLoopbackAddress()).isTrue();
        BridgeHttp open = parsed("--http", "0.0.0.0:7442", "--insecure-listen");
        assertThat(open.address().getAddress().isAnyLocalAddress()).isTrue();
    }
}
