package io.ashlar.nbd.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.block.MemoryBlockDevice;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The server against the clients that people have. */
class RealToolsTest {
    private static final int SIZE = 32 << 20;

    @TempDir
    Path folder;

    private Path image(long seed) throws IOException {
        Path image = folder.resolve("image.raw");
        byte[] data = new byte[1 << 20];
        new Random(seed).nextBytes(data);
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(SIZE);
            for (int at : new int[] {0, 3 << 20, 17 << 20, SIZE - (1 << 20)}) {
                file.seek(at);
                file.write(data);
            }
        }
        return image;
    }

    private static byte[] bytes(Served served) {
        byte[] bytes = new byte[SIZE];
        ((MemoryBlockDevice) served.device).bytes().getBytes(0, bytes);
        return bytes;
    }

    @Test
    void shouldTellNbdinfoWhatThereIs() throws Exception {
        Tool.need("nbdinfo");
        try (Served served = Served.memory(SIZE, 4096)) {
            String info = Tool.succeed("nbdinfo", served.uri());
            assertThat(info)
                    .contains("protocol: newstyle-fixed without TLS")
                    .contains("export=\"vol\"")
                    .contains("description: a volume")
                    .contains("export-size: " + SIZE)
                    .contains("base:allocation")
                    .contains("can_cache: true")
                    .contains("can_df: true")
                    .contains("can_fast_zero: true")
                    .contains("can_flush: true")
                    .contains("can_fua: true")
                    .contains("can_multi_conn: true")
                    .contains("can_trim: true")
                    .contains("can_zero: true")
                    .contains("is_read_only: false")
                    .contains("block_size_minimum: 4096")
                    .contains("block_size_preferred: 4096")
                    .contains("block_size_maximum: 33554432");
            assertThat(Tool.succeed("nbdinfo", "--list", "nbd://127.0.0.1:" + served.server.port()))
                    .contains("export=\"vol\"");
            assertThat(Tool.succeed("nbdinfo", "--size", "nbd://127.0.0.1:" + served.server.port()))
                    .contains("" + SIZE);
            assertThat(Tool.succeed("nbdinfo", "--map", served.uri())).contains("data");
        }
    }

    @Test
    void shouldListenOnAUnixSocket() throws Exception {
        Tool.need("nbdinfo");
        Path socket = folder.resolve("s.sock");
        try (Served served = Served.on(socket, new MemoryBlockDevice(new BlockGeometry(SIZE, 512, false)))) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
                    .isEqualTo("rw-------");
            assertThat(Tool.succeed("nbdinfo", "--size", "nbd+unix:///vol?socket=" + socket))
                    .contains("" + served.device.geometry().sizeBytes());
        }
        assertThat(socket).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(ints = {512, 4096})
    void shouldKeepEveryByteWhenNbdcopyWritesAndReads(int blockBytes) throws Exception {
        Tool.need("nbdcopy");
        Path image = image(5);
        try (Served served = Served.memory(SIZE, blockBytes)) {
            Tool.succeed("nbdcopy", "--flush", image.toString(), served.uri());
            assertThat(bytes(served)).isEqualTo(Files.readAllBytes(image));
            Path back = folder.resolve("back.raw");
            Tool.succeed("nbdcopy", served.uri(), back.toString());
            assertThat(Files.mismatch(image, back)).isEqualTo(-1);
        }
    }

    @Test
    void shouldKeepEveryByteWhenQemuConvertsFromAndToQcow2() throws Exception {
        Tool.need("qemu-img");
        Path image = image(6);
        Path qcow = folder.resolve("image.qcow2");
        Path back = folder.resolve("back.qcow2");
        Tool.succeed("qemu-img", "convert", "-O", "qcow2", image.toString(), qcow.toString());
        try (Served served = Served.memory(SIZE, 4096)) {
            Tool.succeed("qemu-img", "convert", "-n", "-O", "raw", qcow.toString(), served.uri());
            assertThat(bytes(served)).isEqualTo(Files.readAllBytes(image));
            Tool.succeed("qemu-img", "convert", "-O", "qcow2", served.uri(), back.toString());
            assertThat(Tool.succeed("qemu-img", "compare", image.toString(), back.toString()))
                    .contains("Images are identical");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"4k", "512-64k"})
    void shouldKeepEveryByteWhenFioVerifies(String sizes) throws Exception {
        Tool.need("fio");
        try (Served served = Served.memory(SIZE, 512)) {
            String output = Tool.succeed(
                    "fio",
                    "--name=verify",
                    "--ioengine=nbd",
                    "--uri=" + served.uri(),
                    "--rw=randwrite",
                    sizes.contains("-") ? "--bsrange=" + sizes : "--bs=" + sizes,
                    "--iodepth=32",
                    "--size=16m",
                    "--verify=crc32c",
                    "--verify_fatal=1",
                    "--verify_state_save=0",
                    "--serialize_overlap=1",
                    "--numjobs=2",
                    "--offset_increment=16m",
                    "--group_reporting");
            assertThat(output).contains("err= 0");
        }
    }
}
