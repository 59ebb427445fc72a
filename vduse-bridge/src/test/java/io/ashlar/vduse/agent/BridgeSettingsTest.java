package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.BitSet;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Configuration, bounce budget, records, and the control socket's JSON. */
class BridgeSettingsTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path folder;

    @Test
    void shouldRefuseSettingsThatTheKernelWouldRefuse() {
        assertThatThrownBy(() -> config(129, 256, 0, 300)).hasMessageContaining("queues");
        assertThatThrownBy(() -> config(0, 255, 0, 300)).hasMessageContaining("queue-size");
        assertThatThrownBy(() -> config(0, 256, 2048 * MIB, 300)).hasMessageContaining("bounce-size");
        assertThatThrownBy(() -> config(0, 256, 0, 0)).hasMessageContaining("message-timeout");
        assertThat(BridgeConfig.defaults().messageTimeoutSeconds()).isEqualTo(300);
    }

    private static BridgeConfig config(int queues, int queueSize, long bounceBytes, int timeoutSeconds) {
        return new BridgeConfig(Path.of("/x"), queues, queueSize, new BitSet(), false, bounceBytes, 0, timeoutSeconds);
    }

    @Test
    void shouldRefuseCpusThatMayNotBeUsed() {
        BitSet beyond = new BitSet();
        beyond.set(5000);
        BridgeConfig config = new BridgeConfig(Path.of("/x"), 0, 256, beyond, false, 0, 0, 300);
        assertThatThrownBy(() -> BridgeDaemon.cpusToUse(config)).hasMessageContaining("5000");
        assertThat(BridgeDaemon.cpusToUse(BridgeConfig.defaults())).isNotEqualTo(new BitSet());
    }

    @Test
    void shouldKeepAllBounceWindowsWithinTheBudget() throws IOException {
        BounceBudget budget = new BounceBudget(192 * MIB);
        long first = budget.take(2, 256, 0);
        assertThat(first).isEqualTo(96 * MIB);
        long second = budget.take(2, 256, 0);
        long third = budget.take(2, 256, 0);
        assertThat(first + second + third).isLessThanOrEqualTo(192 * MIB);
        budget.giveBack(first);
        assertThat(budget.take(1, 4, 64 * MIB)).as("as configured").isEqualTo(64 * MIB);
        assertThatThrownBy(() -> budget.take(1, 256, 512 * MIB)).hasMessageContaining("--bounce-budget");
    }

    @Test
    void shouldWantRoomForEveryRequestWithinTheKernelsLimits() {
        assertThat(BounceBudget.wanted(1, 4)).isEqualTo(64 * MIB);
        assertThat(BounceBudget.wanted(1, 256)).isBetween(256 * MIB, 260 * MIB);
        assertThat(BounceBudget.wanted(64, 1024)).isEqualTo(1024 * MIB);
    }

    @Test
    void shouldReadBackWhatASuccessorMustKnow() throws IOException {
        Path socket = folder.resolve("run/bridge.sock");
        AttachmentRecord details = details("ashlar-1");
        try (StateFolder state = StateFolder.open(socket)) {
            state.save(details);
            assertThat(state.load("ashlar-1")).isEqualTo(details);
            assertThat(state.load("ashlar-2")).isNull();
            assertThatThrownBy(() -> StateFolder.open(socket)).hasMessageContaining("another bridge");
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("run"))))
                .isEqualTo("rwx------");
        Path file = folder.resolve("run/bridge.sock.d/ashlar-1.json");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        try (StateFolder state = StateFolder.open(socket)) {
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
            assertThatThrownBy(() -> state.load("ashlar-1")).hasMessageContaining("not ours alone");
            state.delete("ashlar-1");
            assertThat(state.load("ashlar-1")).isNull();
        }
    }

    private static AttachmentRecord details(String vduse) {
        return new AttachmentRecord(
                1, "vol", UUID.nameUUIDFromBytes(new byte[] {1}).toString(), vduse, true, 2, 256, 64 * MIB, 6, 7, null);
    }

    @Test
    void shouldKeepTheRecordsFormatReadableByLaterVersions() throws IOException {
        String golden = "{\"version\":1,\"volume\":\"vol\",\"id\":\"55a54008-ad1b-3589-aa21-0d2629c1df41\","
                + "\"vduse\":\"ashlar-1\",\"readOnly\":true,\"queues\":2,\"queueSize\":256,\"bounceBytes\":67108864,"
                + "\"heldSinceMs\":6,\"sinceMs\":7}";
        byte[] bytes = golden.getBytes(StandardCharsets.UTF_8);
        assertThat(ControlJson.toRecord(bytes)).isEqualTo(details("ashlar-1"));
        assertThat(new String(ControlJson.toBytes(details("ashlar-1")), StandardCharsets.UTF_8))
                .isEqualTo(golden);
    }

    @Test
    void shouldCarryRequestsAndAnswersUnchanged() throws IOException {
        BridgeRequest request = new BridgeRequest(BridgeRequest.ATTACH, "näme \"x\"\n", true, false, true);
        assertThat(ControlJson.toRequest(ControlJson.toBytes(request))).isEqualTo(request);
        Attachment attachment = new Attachment(
                "v",
                "attached",
                "/dev/vda",
                "/dev/ashlar/v",
                "ashlar-1",
                false,
                1L << 40,
                512,
                List.of(1, -1),
                64 * MIB,
                5,
                null);
        BridgeAnswer answer = new BridgeAnswer(null, List.of(attachment), List.of("a", "b"), 3);
        assertThat(ControlJson.toAnswer(ControlJson.toBytes(answer))).isEqualTo(answer);
        BridgeAnswer failed = BridgeAnswer.failed("no");
        assertThat(ControlJson.toAnswer(ControlJson.toBytes(failed))).isEqualTo(failed);
    }

    @Test
    void shouldTakeTheAnswerToADetachmentOfABridgeThatDoesNotCount() throws IOException {
        assertThat(ControlJson.toAnswer(json("{\"attachments\":[],\"staying\":[\"v\"]}")))
                .isEqualTo(BridgeAnswer.of("v", new Detachment(false, 0)));
    }

    @Test
    void shouldIgnoreFieldsOfLaterVersionsAndRefuseWhatIsNoObject() throws IOException {
        assertThat(ControlJson.toRequest(json("{\"command\":\"list\",\"later\":[{\"a\":[1,2]}]}")))
                .isEqualTo(new BridgeRequest("list", null, false, false, false));
        assertThat(ControlJson.toRequest(json("{\"command\":[1],\"force\":\"yes\"}")))
                .isEqualTo(new BridgeRequest(null, null, false, false, false));
        String deep = "[".repeat(100) + "]".repeat(100);
        for (String bad : new String[] {"", "1", "[]", "{\"command\":", "{\"x\":" + deep + "}"}) {
            assertThatThrownBy(() -> ControlJson.toRequest(json(bad))).as(bad).isInstanceOf(BridgeException.class);
        }
    }

    private static byte[] json(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void shouldUndoNewestFirstAndKeepWhatFailsForAnotherTry() throws IOException {
        StringBuilder order = new StringBuilder();
        boolean[] works = new boolean[1];
        Teardown teardown = new Teardown();
        teardown.push("one", () -> order.append('1'));
        teardown.pushRemoval("two", () -> {
            if (!works[0]) {
                throw new IOException("not yet");
            }
            order.append('2');
        });
        teardown.push("three", () -> order.append('3'));
        assertThatThrownBy(teardown::run).hasMessage("not yet");
        assertThat(order).hasToString("3");
        works[0] = true;
        teardown.run();
        assertThat(order).hasToString("321");
    }

    @Test
    void shouldLeaveTheDeviceToItsUsersWhenLettingGo() {
        StringBuilder order = new StringBuilder();
        Teardown teardown = new Teardown();
        teardown.push("one", () -> order.append('1'));
        teardown.pushRemoval("two", () -> order.append('2'));
        teardown.push("three", () -> order.append('3'));
        teardown.letGo();
        assertThat(order).hasToString("31");
    }

    @Test
    void shouldDeriveASerialOfTwentyCharactersFromTheVolumesIdentity() {
        assertThat(AttachSequence.serialOf(UUID.fromString("01234567-89ab-cdef-0123-456789abcdef")))
                .isEqualTo("0123456789abcdef0123");
    }
}
