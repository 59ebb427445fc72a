package io.ashlar.vduse.inflight;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterTry;
import net.jqwik.api.lifecycle.BeforeTry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The file: its format, who may have written it, and what becomes of content that nobody of ours has written. */
class DeviceLogTest {
    private static final DeviceIdentity IDENTITY = new DeviceIdentity(
            UUID.fromString("01234567-89ab-cdef-0123-456789abcdef"),
            "ashlar-01234567-89ab-cdef-0123-456789abcdef",
            0x3_3000_7646L,
            2,
            4,
            1_700_000_000_000L);

    private Path folder;
    private Path file;

    @BeforeEach
    @BeforeTry
    void makeFolder() throws IOException {
        folder = Files.createTempDirectory("inflight");
        file = folder.resolve("log");
    }

    @AfterEach
    @AfterTry
    void removeFolder() throws IOException {
        for (String name : new String[] {"log", "log.new", "other"}) {
            Files.deleteIfExists(folder.resolve(name));
        }
        Files.delete(folder);
    }

    /** Written by hand, from the tables in the Javadoc: this must stay readable. */
    private static byte[] golden() throws IOException {
        try (InputStream text = DeviceLogTest.class.getResourceAsStream("/golden/inflight-v1.txt")) {
            String hex = new String(text.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(line -> line.replace(" ", ""))
                    .collect(Collectors.joining());
            return HexFormat.of().parseHex(hex);
        }
    }

    private void write(byte[] content) throws IOException {
        Files.write(file, content);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }

    @Test
    void shouldReadVersionOneForEver() throws IOException {
        write(golden());
        DeviceLog log = DeviceLog.open(file);
        assertThat(log.identity()).isEqualTo(IDENTITY);
        assertThat(log.isServing()).isTrue();
        assertThat(log.region(0).recover(4, 5, index -> index == 4 ? 3 : 99))
                .as("3 was published, but not cleared; 1 is older than 0")
                .containsExactly(1, 0);
        assertThat(log.region(1).recover(2, 0, index -> 99)).isEmpty();
    }

    @Test
    void shouldWriteVersionOne() throws IOException {
        DeviceLog log = DeviceLog.create(file, IDENTITY);
        assertThat(log.isServing()).as("not before a driver is there").isFalse();
        log.begin(new int[] {4, 2});
        QueueRegion region = log.region(0);
        for (int head : new int[] {2, 1, 3}) {
            region.fetched(head);
        }
        region.pushed(2);
        region.published(2);
        region.batchPublished(4); // as if there had been three before
        region.fetched(0);
        region.pushed(3);
        assertThat(Files.readAllBytes(file)).isEqualTo(golden());
    }

    @Test
    void shouldTellWhetherADriverIsServed() throws IOException {
        DeviceLog log = DeviceLog.create(file, IDENTITY);
        log.begin(new int[] {4, 0});
        log.region(0).fetched(1);
        assertThat(DeviceLog.open(file).isServing()).isTrue();
        log.end();
        assertThat(DeviceLog.open(file).isServing()).isFalse();
        log.begin(new int[] {4, 0});
        assertThat(DeviceLog.open(file).region(0).recover(4, 0, index -> 99)).isEmpty();
    }

    @Test
    void shouldShowTheFileToNobodyElse() throws IOException {
        DeviceLog.create(file, IDENTITY);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(folder.resolve("log.new")).doesNotExist();
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw----"));
        assertThatThrownBy(() -> DeviceLog.open(file)).hasMessageContaining("not ours alone");
    }

    @Test
    void shouldFollowNoLink() throws IOException {
        Path other = folder.resolve("other");
        DeviceLog.create(other, IDENTITY);
        Files.createSymbolicLink(file, other);
        assertThatThrownBy(() -> DeviceLog.open(file)).isInstanceOf(InflightException.class);
        DeviceLog.create(file, IDENTITY);
        assertThat(Files.isSymbolicLink(file)).as("replaced").isFalse();
    }

    @Test
    void shouldSayWhyAFileIsNotBelieved() throws IOException {
        assertThatThrownBy(() -> DeviceLog.open(file))
                .isInstanceOf(InflightException.class)
                .hasMessageContaining("is missing");
        byte[] bytes = golden();
        refuse(Arrays.copyOf(bytes, 200), "too short");
        refuse(Arrays.copyOf(bytes, bytes.length - 1), "bytes instead of");
        refuse(new byte[bytes.length], "no log");
        refuse(changed(20, (byte) 1), "damaged");
        refuse(changed(8, (byte) 2), "version 2");
        refuse(sealed(changed(12, (byte) 0)), "makes no sense");
        refuse(sealed(changed(14, (byte) 3)), "makes no sense");
        refuse(sealed(changed(51, (byte) 0x80)), "makes no sense");
    }

    private void refuse(byte[] content, String why) throws IOException {
        write(content);
        assertThatThrownBy(() -> DeviceLog.open(file))
                .isInstanceOf(InflightException.class)
                .hasMessageContaining(why);
    }

    private static byte[] changed(int offset, byte value) throws IOException {
        byte[] bytes = golden();
        bytes[offset] = value;
        return bytes;
    }

    private static byte[] sealed(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, 252);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(252, (int) crc.getValue());
        return bytes;
    }

    @Property(tries = 2000)
    void shouldRefuseOrBoundWhateverTheFileHolds(@ForAll long seed) throws IOException {
        Random random = new Random(seed);
        byte[] bytes = golden();
        for (int i = random.nextInt(8); i >= 0; i--) {
            int from = random.nextInt(4) == 0 ? 0 : 256;
            bytes[from + random.nextInt(bytes.length - from)] = (byte) random.nextInt(1 << random.nextInt(9));
        }
        write(random.nextBoolean() ? sealed(bytes) : bytes);
        try {
            DeviceLog log = DeviceLog.open(file);
            for (int queue = 0; queue < log.identity().queues(); queue++) {
                int ringSize = 1 << random.nextInt(3);
                int[] heads = log.region(queue).recover(ringSize, random.nextInt(8), index -> random.nextInt(16) - 4);
                assertThat(heads).doesNotHaveDuplicates();
                for (int head : heads) {
                    assertThat(head).isBetween(0, ringSize - 1);
                }
            }
        } catch (InflightException e) {
            assertThat(e).as("seed %s", seed).hasMessageNotContaining("null");
        }
    }
}
