package io.ashlar.base.sys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixSocketTest {
    @TempDir
    Path folder;

    private final ByteBuf buffer = Unpooled.directBuffer(64);
    private final List<Integer> descriptors = new ArrayList<>();
    private UnixSocket server;
    private UnixSocket here;
    private UnixSocket there;

    @BeforeEach
    void connect() throws IOException {
        server = UnixSocket.listen(folder.resolve("s"));
        here = UnixSocket.connect(folder.resolve("s"));
        there = server.accept();
    }

    @AfterEach
    void close() {
        descriptors.forEach(Linux::close);
        buffer.release();
        here.close();
        there.close();
        server.close();
    }

    private long send(String text, int... withDescriptors) {
        ByteBuf bytes = Unpooled.directBuffer().writeBytes(text.getBytes(StandardCharsets.US_ASCII));
        try {
            return here.send(bytes, withDescriptors);
        } finally {
            bytes.release();
        }
    }

    @Test
    void shouldHandOverTheSameFilesWhenDescriptorsTravel() throws IOException {
        int first = Linux.memoryFile("first");
        int second = Linux.memoryFile("second");
        assertThat(send("ab", first, second)).isEqualTo(2);
        assertThat(there.receive(buffer, 64, descriptors::add)).isEqualTo(2);
        assertThat(buffer.toString(StandardCharsets.US_ASCII)).isEqualTo("ab");
        assertThat(descriptors).hasSize(2).doesNotContain(first, second);
        assertThat(FileFacts.of(descriptors.get(0)).isSameFile(FileFacts.of(first)))
                .isTrue();
        assertThat(FileFacts.of(descriptors.get(1)).isSameFile(FileFacts.of(second)))
                .isTrue();
        Linux.close(first);
        Linux.close(second);
    }

    @Test
    void shouldKeepMessagesApartWhenBothCarryDescriptors() {
        int eventFd = Linux.eventfd();
        send("ab", eventFd);
        send("cd", eventFd);
        assertThat(there.receive(buffer, 64, descriptors::add)).isEqualTo(2);
        assertThat(descriptors).hasSize(1);
        assertThat(there.receive(buffer, 64, descriptors::add)).isEqualTo(2);
        assertThat(descriptors).hasSize(2);
        Linux.close(eventFd);
    }

    /** Else the kernel would close the rest, in the middle of the call and however long that takes. */
    @Test
    void shouldReceiveAllDescriptorsThatCanTravelTogether() {
        int eventFd = Linux.eventfd();
        int[] many = new int[UnixSocket.DESCRIPTORS_MAX];
        Arrays.fill(many, eventFd);
        assertThat(send("x", many)).isEqualTo(1);
        assertThat(there.receive(buffer, 64, descriptors::add)).isEqualTo(1);
        assertThat(descriptors).as("the caller's to close").hasSize(UnixSocket.DESCRIPTORS_MAX);
        int[] tooMany = Arrays.copyOf(many, many.length + 1);
        assertThatThrownBy(() -> send("x", tooMany)).isInstanceOf(IllegalArgumentException.class);
        Linux.close(eventFd);
    }

    @Test
    void shouldAdoptASocketOfItsOwnDomainOnly() {
        int internet = Linux.socket(2, 1, 0); // AF_INET, SOCK_STREAM
        assertThatThrownBy(() -> UnixSocket.adopt(internet)).hasMessageContaining("not a socket of the Unix domain");
        assertThat(Linux.close(internet)).as("the caller's to close").isZero();
        assertThatThrownBy(() -> UnixSocket.adopt(-1)).hasMessageContaining("not a socket of the Unix domain");
    }

    @Test
    void shouldTellWaitingFromTheEndWhenNothingComes() throws IOException {
        assertThat(there.receive(buffer, 64, descriptors::add)).isEqualTo(-Errno.EAGAIN);
        here.close();
        assertThat(there.receive(buffer, 64, descriptors::add)).isZero();
        assertThat(server.accept()).isNull();
    }

    @Test
    void shouldRefuseAPathThatDoesNotFitOrIsTaken() {
        Path longPath = folder.resolve("x".repeat(UnixSocket.PATH_BYTES_MAX));
        assertThatThrownBy(() -> UnixSocket.listen(longPath)).hasMessageContaining("longer than");
        assertThatThrownBy(() -> UnixSocket.listen(folder.resolve("s"))).hasMessageContaining("can't listen");
    }
}
