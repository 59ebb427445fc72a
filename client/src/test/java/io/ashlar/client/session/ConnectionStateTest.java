package io.ashlar.client.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ConnectionStateTest {
    @Test
    void shouldAllowExactlyTheMovesOfTheDrawing() {
        List<String> moves = new ArrayList<>();
        for (ConnectionState from : ConnectionState.values()) {
            for (ConnectionState to : ConnectionState.values()) {
                if (from.mayBecome(to)) {
                    moves.add(from + ">" + to);
                }
            }
        }
        assertThat(moves)
                .containsExactlyInAnyOrder(
                        "WAITING>CONNECTING",
                        "CONNECTING>HELLO",
                        "HELLO>OPENING",
                        "OPENING>READY",
                        "CONNECTING>WAITING",
                        "HELLO>WAITING",
                        "OPENING>WAITING",
                        "READY>WAITING",
                        "WAITING>CLOSED",
                        "CONNECTING>CLOSED",
                        "HELLO>CLOSED",
                        "OPENING>CLOSED",
                        "READY>CLOSED");
    }
}
