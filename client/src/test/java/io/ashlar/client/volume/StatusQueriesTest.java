package io.ashlar.client.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockRuns;
import io.ashlar.base.block.Operation;
import io.ashlar.base.block.TestRequest;
import io.ashlar.base.status.Status;
import io.ashlar.client.fake.Attached;
import io.ashlar.client.fake.FakeNode;
import io.ashlar.client.session.SessionConfig;
import io.ashlar.protocol.frame.Opcode;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class StatusQueriesTest {
    private final FakeNode node = new FakeNode(1 << 20, 512);
    private Attached attached;

    @BeforeEach
    void attach() throws Exception {
        attached = new Attached(node);
        node.bytes()[9000] = 1;
    }

    @AfterEach
    void close() {
        attached.close();
        node.close();
    }

    private CompletableFuture<String> ask(long offset, long length, int runsMax) {
        CompletableFuture<String> answer = new CompletableFuture<>();
        BlockRuns runs = new BlockRuns(runsMax);
        attached.on(0, () -> {
            attached.ask(0, offset, length, runs, (status, filled) -> answer.complete(text(status, filled)));
            return null;
        });
        return answer;
    }

    private static String text(Status status, BlockRuns runs) {
        StringBuilder text = new StringBuilder(status.name());
        for (int i = 0; status.isOk() && i < runs.count(); i++) {
            text.append(' ').append(runs.kind(i)).append(runs.lengthBytes(i));
        }
        return text.toString();
    }

    private static String await(CompletableFuture<String> answer) throws Exception {
        return answer.get(20, TimeUnit.SECONDS);
    }

    @Test
    void shouldTellTheRunsOfARange() throws Exception {
        assertThat(await(ask(0, 16384, 8))).isEqualTo("OK ABSENT8192 DATA4096 ABSENT4096");
        assertThat(await(ask(0, 16384, 2))).isEqualTo("OK ABSENT8192 DATA4096");
        assertThat(await(ask(8704, 512, 8))).isEqualTo("OK DATA512");
    }

    @Test
    void shouldAskAgainWhenTheConnectionBreaks() throws Exception {
        node.swallow = request -> request.opcode() == Opcode.BLOCK_STATUS;
        CompletableFuture<String> answer = ask(0, 8192, 8);
        Attached.until(() -> node.count(Opcode.BLOCK_STATUS) == 1);
        node.swallow = request -> false;
        node.disconnect();
        assertThat(await(answer)).isEqualTo("OK ABSENT8192");
    }

    @Test
    void shouldAnswerAllWhenThereAreMoreThanGoAtATime() throws Exception {
        List<CompletableFuture<String>> answers = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            answers.add(ask(0, 4096, 1));
        }
        for (CompletableFuture<String> answer : answers) {
            assertThat(await(answer)).isEqualTo("OK ABSENT4096");
        }
    }

    @Test
    void shouldAskNoMoreAtATimeThanTheNodeGrants() throws Exception {
        attached.close();
        node.inFlightMax = 4;
        attached = new Attached(node);
        node.keep = request -> request.opcode() == Opcode.BLOCK_STATUS;
        List<CompletableFuture<String>> answers = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            answers.add(ask(0, 4096, 1));
        }
        Attached.until(() -> node.count(Opcode.BLOCK_STATUS) == 3);
        assertThat(attached.run(0, TestRequest.of(Operation.FLUSH, 0, 0, 0))).isEqualTo(Status.OK);
        assertThat(node.count(Opcode.BLOCK_STATUS)).as("leaves room for CLOSE").isEqualTo(3);
        node.release();
        for (CompletableFuture<String> answer : answers) {
            assertThat(await(answer)).isEqualTo("OK ABSENT4096");
        }
    }

    @Test
    void shouldLeaveAPlaceToWhatTheNodeHasNotAnsweredThoughNobodyWaitsForIt() throws Exception {
        attached.close();
        node.inFlightMax = 3;
        SessionConfig patient = new SessionConfig(node.address(), "host", 20_000, 20_000, 20_000, 5, 20);
        attached = new Attached(node, options -> VolumeOptions.of(patient, FakeNode.VOLUME, AccessMode.READ_WRITE)
                .withIoTimeoutMs(200));
        node.keep = request -> request.opcode() == Opcode.BLOCK_STATUS;
        for (int i = 0; i < 5; i++) {
            assertThat(await(ask(0, 4096, 1))).isEqualTo("TIMED_OUT");
        }
        assertThat(node.count(Opcode.BLOCK_STATUS))
                .as("the node would close the connection over more")
                .isEqualTo(2);
        node.release();
        String answer = "TIMED_OUT";
        while (answer.equals("TIMED_OUT")) {
            answer = await(ask(0, 4096, 1));
        }
        assertThat(answer).isEqualTo("OK ABSENT4096");
        node.swallow = request -> request.opcode() == Opcode.BLOCK_STATUS;
        assertThat(await(ask(0, 4096, 1))).isEqualTo("TIMED_OUT");
        node.swallow = request -> false;
        node.disconnect();
        answer = "TIMED_OUT";
        while (answer.equals("TIMED_OUT")) {
            answer = await(ask(0, 8192, 1));
        }
        assertThat(answer).as("on the next connection").isEqualTo("OK ABSENT8192");
    }

    @Test
    void shouldFailWithTheVolumeWhileTheNodeWantsToBeAskedLater() throws Exception {
        node.decide = request -> request.opcode() == Opcode.BLOCK_STATUS ? Status.BUSY : Status.OK;
        CompletableFuture<String> answer = ask(0, 4096, 1);
        Attached.until(() -> node.count(Opcode.BLOCK_STATUS) == 2);
        node.fence();
        node.disconnect();
        assertThat(await(answer)).isEqualTo("FENCED");
    }

    @Test
    void shouldFailWithTheVolume() throws Exception {
        node.decide = request -> request.opcode() == Opcode.BLOCK_STATUS ? Status.IO_ERROR : Status.OK;
        assertThat(await(ask(0, 4096, 1))).isEqualTo("IO_ERROR");
        node.swallow = request -> request.opcode() == Opcode.BLOCK_STATUS;
        CompletableFuture<String> unanswered = ask(0, 4096, 1);
        node.fence();
        node.disconnect();
        assertThat(await(unanswered)).isEqualTo("FENCED");
        assertThat(await(ask(0, 4096, 1))).isEqualTo("FENCED");
    }
}
