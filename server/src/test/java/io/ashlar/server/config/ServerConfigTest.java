package io.ashlar.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.store.config.StoreConfig;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ServerConfigTest {
    private static final Path FOLDER = Path.of("data");

    @Test
    void shouldListenOnLoopbackOnlyWhenNothingElseIsSaid() {
        ServerConfig config = ServerConfig.of(FOLDER);
        assertThat(config.listen()).hasToString("127.0.0.1:7440");
        assertThat(config.http()).hasToString("127.0.0.1:7441");
        assertThat(config.insecureListen()).isFalse();
        assertThat(config.limits()).isEqualTo(ServerLimits.DEFAULT);
        assertThat(config.store()).isEqualTo(StoreConfig.DEFAULT);
        assertThat(config.ioThreads()).isEqualTo(8);
    }

    @Test
    void shouldSayWhyWhenAskedToListenElsewhere() {
        ListenAddress everywhere = ListenAddress.parse("0.0.0.0:7440");
        ListenAddress local = ListenAddress.parse("[::1]:0");
        for (List<ListenAddress> pair : List.of(List.of(everywhere, local), List.of(local, everywhere))) {
            assertThatThrownBy(() -> ServerConfig.of(FOLDER).withAddresses(pair.get(0), pair.get(1), false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("0.0.0.0:7440 can be reached from other hosts")
                    .hasMessageContaining("no authentication")
                    .hasMessageContaining("--insecure-listen")
                    .hasMessageNotContaining("\n");
        }
        assertThat(ServerConfig.of(FOLDER)
                        .withAddresses(everywhere, everywhere, true)
                        .listen())
                .isEqualTo(everywhere);
    }

    @ParameterizedTest
    @CsvSource({"127.0.0.1:7440,127.0.0.1,7440", "localhost:0,localhost,0", "[::1]:65535,::1,65535"})
    void shouldReadAddresses(String text, String host, int port) {
        assertThat(ListenAddress.parse(text))
                .isEqualTo(new ListenAddress(host, port))
                .hasToString(text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "7440", ":7440", "host", "host:", "host:x", "host:65536", "host:-1", "::1:7440", "a b:1"})
    void shouldSayWhatAnAddressLooksLikeWhenItIsNone(String text) {
        assertThatThrownBy(() -> ListenAddress.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageNotContaining("\n");
    }

    @Test
    void shouldNameTheKeyAndTheBoundsWhenALimitIsWrong() {
        assertThatThrownBy(() -> new ServerLimits(0, 1, 2 << 20, 1 << 20, 1, 1, 1))
                .hasMessage("server.connections-max = 0 is not between 1 and 16384");
        assertThatThrownBy(() -> new ServerLimits(1, 5000, 2 << 20, 1 << 20, 1, 1, 1))
                .hasMessage("server.in-flight-max = 5000 is not between 2 and 1024");
        assertThatThrownBy(() -> new ServerLimits(1, 1, 2 << 20, 1 << 20, 1, 1, 1))
                .hasMessage("server.in-flight-max = 1 is not between 2 and 1024");
        assertThatThrownBy(() -> new ServerLimits(1, 2, 1, 1 << 20, 1, 1, 1))
                .hasMessageStartingWith("server.pooled-bytes-max = 1 is not between");
        assertThatThrownBy(() -> new ServerLimits(1, 2, 2 << 20, 1, 1, 1, 1))
                .hasMessageStartingWith("server.outbound-bytes-max = 1 is not between");
        assertThatThrownBy(() -> new ServerLimits(1, 2, 2 << 20, 1 << 20, 0, 1, 1))
                .hasMessageStartingWith("server.handles-max = 0");
        assertThatThrownBy(() -> new ServerLimits(1, 2, 2 << 20, 1 << 20, 1, 0, 1))
                .hasMessageStartingWith("server.hello-timeout-ms = 0");
        assertThatThrownBy(() -> new ServerLimits(1, 2, 2 << 20, 1 << 20, 1, 1, 0))
                .hasMessageStartingWith("server.slow-peer-timeout-ms = 0");
        assertThatThrownBy(() -> new ServerConfig(
                        FOLDER,
                        ServerConfig.LISTEN_DEFAULT,
                        ServerConfig.HTTP_DEFAULT,
                        false,
                        ServerLimits.DEFAULT,
                        StoreConfig.DEFAULT,
                        0,
                        false))
                .hasMessage("server.io-threads = 0 is not between 1 and 256");
    }

    @Test
    void shouldDivideTheMemoryOfTheLauncherForTheDefaultLimits() {
        for (int loops = 1; loops <= 16; loops++) {
            MemoryBudget budget = MemoryBudget.divide(512L << 20, ServerLimits.DEFAULT, loops);
            long own = 256L * (MemoryBudget.RECEIVE_BYTES + MemoryBudget.ANSWER_BYTES);
            assertThat(own + loops * (budget.receiveShareBytes() + budget.answerShareBytes()))
                    .isLessThanOrEqualTo(budget.connectionBytesMax())
                    .isGreaterThan(budget.connectionBytesMax() - (1 << 20));
            assertThat(budget.connectionBytesMax()).isEqualTo(384L << 20);
        }
    }

    @Test
    void shouldSayHowMuchMemoryIsNeededWhenTheLimitsDoNotFit() {
        ServerLimits many = new ServerLimits(4000, 256, 8 << 20, 1 << 20, 256, 10_000, 30_000);
        assertThatThrownBy(() -> MemoryBudget.divide(512L << 20, many, 2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "server.connections-max = 4000 needs 4022 MiB of direct memory, and the JVM gives out 512 MiB:"
                                + " lower it, or raise -XX:MaxDirectMemorySize in ASHLAR_JAVA_OPTS");
        assertThat(MemoryBudget.divide(4022L << 20, many, 2).receiveShareBytes())
                .isGreaterThanOrEqualTo(4L << 20);
    }
}
