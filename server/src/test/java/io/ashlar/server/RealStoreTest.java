package io.ashlar.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ashlar.base.net.EpollLoops;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import io.ashlar.base.time.RandomSource;
import io.ashlar.client.session.SessionConfig;
import io.ashlar.client.volume.AccessMode;
import io.ashlar.client.volume.AttachException;
import io.ashlar.client.volume.RemoteVolume;
import io.ashlar.client.volume.VolumeOptions;
import io.ashlar.protocol.frame.FrameFlags;
import io.ashlar.protocol.frame.Opcode;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.BlockStatusAnswer;
import io.ashlar.protocol.message.DeleteVolume;
import io.ashlar.protocol.message.OpenMode;
import io.ashlar.server.config.ListenAddress;
import io.ashlar.server.config.MemoryBudget;
import io.ashlar.server.config.ServerConfig;
import io.ashlar.server.config.ServerLimits;
import io.ashlar.server.registry.FolderFiles;
import io.ashlar.store.DataFolder;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.config.StoreEnvironment;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StorageIo;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The node on the real store. */
class RealStoreTest {
    private static final long SIZE = (64 << 20) + 512;

    @TempDir
    Path folder;

    private StorageNode start() throws IOException {
        return StorageNode.start(NodeFixture.config(folder, ServerLimits.DEFAULT));
    }

    @Test
    void shouldStillHaveVolumesAndDataWhenStoppedAndStartedAgain() throws IOException {
        byte[] data = new byte[1 << 20];
        new Random(1).nextBytes(data);
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", SIZE, 512).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            assertThat(client.write(handle, 1 << 20, data)).isEqualTo(Status.OK);
            assertThat(client.write(handle, SIZE - 512, new byte[512])).isEqualTo(Status.OK);
            assertThat(client.simple(Opcode.FLUSH, handle, 0, 0, 0, 0).status()).isEqualTo(Status.OK);
            assertThat(client.read(handle, 1 << 20, 1 << 20)).isEqualTo(data);
        }
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            assertThat(client.read(handle, 1 << 20, 1 << 20)).isEqualTo(data);
            assertThat(client.read(handle, SIZE - 512, 512)).isEqualTo(new byte[512]);
        }
    }

    @Test
    void shouldTellAbsentZeroAndDataApartWhenAskedForBlockStatus() throws IOException {
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", 64 << 20, 4096).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            assertThat(client.write(handle, 0, new byte[8192])).isEqualTo(Status.OK);
            assertThat(client.simple(Opcode.WRITE_ZEROES, handle, 4096, 4096, FrameFlags.UNMAP | FrameFlags.FUA, 0)
                            .status())
                    .isEqualTo(Status.OK);
            RawClient.Frame answer = client.simple(Opcode.BLOCK_STATUS, handle, 0, 1 << 20, 0, 0);
            assertThat(answer.status()).isEqualTo(Status.OK);
            BlockStatusAnswer runs = answer.parse(BlockStatusAnswer.parser());
            assertThat(runs.getRuns(0).getState()).isEqualTo(BlockStatusAnswer.State.STATE_DATA);
            assertThat(runs.getRuns(0).getLengthBytes()).isEqualTo(4096);
            assertThat(runs.getRuns(1).getState()).isEqualTo(BlockStatusAnswer.State.STATE_ZERO);
            assertThat(runs.getRuns(2).getState()).isEqualTo(BlockStatusAnswer.State.STATE_ABSENT);
        }
    }

    @Test
    void shouldFindOnlyWhatIsWrongWhenAReaderReportsCorruption() throws IOException {
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", 8 << 20, 4096).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            assertThat(client.write(handle, 0, new byte[8192])).isEqualTo(Status.OK);
            assertThat(client.simple(Opcode.REPORT_CORRUPT, handle, 0, 8192, 0, 0)
                            .status())
                    .isEqualTo(Status.OK);
            flipAByteOfTheExtent();
            assertThat(client.simple(Opcode.REPORT_CORRUPT, handle, 0, 4096, 0, 0)
                            .status())
                    .isEqualTo(Status.CORRUPT);
            assertThat(client.simple(Opcode.REPORT_CORRUPT, handle, 4096, 4096, 0, 0)
                            .status())
                    .isEqualTo(Status.OK);
        }
    }

    private void flipAByteOfTheExtent() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            Path data = files.filter(file -> file.toString().endsWith(".data"))
                    .findFirst()
                    .orElseThrow();
            try (FileChannel channel = FileChannel.open(data, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap(new byte[] {1}), 100);
            }
        }
    }

    @Test
    void shouldServeTheOtherVolumesWhenOneCanNotBeOpened() throws IOException {
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("good", 1 << 20, 4096).status()).isEqualTo(Status.OK);
            assertThat(client.create("bad", 1 << 20, 4096).status()).isEqualTo(Status.OK);
            client.openOk("bad", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0);
        }
        String bad = null;
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            byte[] id = client.openOk("bad", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getVolumeId()
                    .toByteArray();
            ByteBuffer uuid = ByteBuffer.wrap(id);
            bad = new UUID(uuid.getLong(), uuid.getLong()).toString();
        }
        try (Stream<Path> files = Files.list(folder.resolve("volumes").resolve(bad))) {
            for (Path file : files.toList()) {
                Files.write(file, new byte[8192]);
            }
        }
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            RawClient.Frame refused = client.open("bad", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0);
            assertThat(refused.status()).isEqualTo(Status.UNAVAILABLE);
            assertThat(refused.detail().getMessage()).startsWith("volume bad can't be opened: ");
            assertThat(refusalOfAFirstAttach(node.addresses().block()))
                    .startsWith("can't open volume 'bad' on ")
                    .endsWith(refused.detail().getMessage())
                    .doesNotContain("\n");
            int handle = client.openOk("good", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            assertThat(client.write(handle, 0, new byte[4096])).isEqualTo(Status.OK);
        }
    }

    /** Returns what a host is told, at once: it would wait for longer than any test takes. */
    private static String refusalOfAFirstAttach(InetSocketAddress node) {
        SessionConfig session = new SessionConfig(node, "host-b", 5000, 5000, 5000, 1, 1);
        int attachTimeoutMs = (int) TimeUnit.DAYS.toMillis(1);
        VolumeOptions options =
                new VolumeOptions(session, "bad", AccessMode.READ_ONLY, VolumeOptions.REQUESTS_MAX, attachTimeoutMs, 0);
        try (EpollLoops loops = EpollLoops.floating("host", 1);
                RemoteVolume volume = RemoteVolume.open(options, loops.all().get(0))) {
            return "opened " + volume.options().volume();
        } catch (AttachException e) {
            return e.getMessage();
        }
    }

    /** Starts a node whose disk answers nothing as long as the gate is closed. */
    private StorageNode start(AtomicReference<CountDownLatch> gate) throws IOException {
        ServerConfig config = NodeFixture.config(folder, ServerLimits.DEFAULT);
        StorageIo io = new LinuxStorageIo();
        IoPool pool = new IoPool(1);
        Executor hanging = task -> pool.execute(() -> {
            try {
                gate.get().await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            task.run();
        });
        StoreEnvironment environment = new StoreEnvironment(hanging, RandomSource.SECURE, NodeFixture.BOOT_ID);
        DataFolder data = DataFolder.open(folder, io, config.store(), environment);
        VolumeCatalogue catalogue = VolumeCatalogue.open(folder, io, Clock.SYSTEM, RandomSource.SECURE);
        NodeStorage storage =
                new NodeStorage(catalogue, new FolderFiles(data), pool, Executors.newSingleThreadScheduledExecutor());
        MemoryBudget budget = MemoryBudget.divide(512 << 20, ServerLimits.DEFAULT, 2);
        return StorageNode.start(config, storage, NodeFixture.BOOT_ID, budget);
    }

    @Test
    void shouldEndAnAttachmentAndBeginTheNextWhileAQuestionWhatARangeHoldsHangs() throws IOException {
        AtomicReference<CountDownLatch> gate = new AtomicReference<>(new CountDownLatch(0));
        try (StorageNode node = start(gate);
                RawClient client = RawClient.ready(node.addresses().block());
                RawClient next = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", 1 << 20, 4096).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            assertThat(client.write(handle, 0, new byte[4096])).isEqualTo(Status.OK);
            CountDownLatch hangs = new CountDownLatch(1);
            gate.set(hangs);
            try {
                long question = client.send(client.request(Opcode.BLOCK_STATUS, handle, 0, 4096, 0));
                assertThat(client.simple(Opcode.CLOSE, handle, 0, 0, 0, 1).status())
                        .isEqualTo(Status.OK);
                next.openOk("v", "host-b", OpenMode.OPEN_MODE_READ_WRITE, 0, 0);
                hangs.countDown();
                assertThat(client.await(question).status())
                        .as("nothing is read for a handle that is closed")
                        .isEqualTo(Status.UNAVAILABLE);
            } finally {
                hangs.countDown();
            }
        }
    }

    @Test
    void shouldRefuseADeletionAndServeOthersWhileAQuestionOfTheVolumeHangs() throws IOException {
        AtomicReference<CountDownLatch> gate = new AtomicReference<>(new CountDownLatch(0));
        AdminRequest delete = AdminRequest.newBuilder()
                .setDeleteVolume(DeleteVolume.newBuilder().setName("v"))
                .build();
        try (StorageNode node = start(gate);
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", 1 << 20, 4096).status()).isEqualTo(Status.OK);
            int handle = client.openOk("v", "host-a", OpenMode.OPEN_MODE_READ_WRITE, 0, 0)
                    .getHandle();
            CountDownLatch hangs = new CountDownLatch(1);
            gate.set(hangs);
            try {
                long question = client.send(client.request(Opcode.BLOCK_STATUS, handle, 0, 4096, 0));
                assertThat(client.simple(Opcode.CLOSE, handle, 0, 0, 0, 1).status())
                        .isEqualTo(Status.OK);
                assertThat(client.admin(delete).status()).isEqualTo(Status.BUSY);
                client.openOk("v", "host-b", OpenMode.OPEN_MODE_READ_ONLY, 0, 0);
                assertThat(client.admin(delete).status()).isEqualTo(Status.IN_USE);
                hangs.countDown();
                assertThat(client.await(question).status()).isEqualTo(Status.UNAVAILABLE);
            } finally {
                hangs.countDown();
            }
        }
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.admin(delete).status()).isEqualTo(Status.OK);
        }
    }

    @Test
    void shouldSayInOneLineWhyNotWhenItCanNotStart() throws IOException {
        try (StorageNode node = start()) {
            assertThatThrownBy(this::start)
                    .isInstanceOf(IOException.class)
                    .hasMessageEndingWith("is in use by another process");
            int port = node.addresses().block().getPort();
            assertThatThrownBy(() -> StorageNode.start(ServerConfig.of(folder.resolve("other"))
                            .withAddresses(
                                    new ListenAddress("127.0.0.1", port), new ListenAddress("127.0.0.1", 0), false)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("127.0.0.1:" + port);
        }
        Files.write(folder.resolve("catalogue"), new byte[20]);
        assertThatThrownBy(this::start).hasMessage("the volume catalogue is not one");
        Files.delete(folder.resolve("catalogue"));
        try (StorageNode node = start();
                RawClient client = RawClient.ready(node.addresses().block())) {
            assertThat(client.create("v", 1 << 20, 4096).status()).isEqualTo(Status.OK);
        }
        Files.delete(folder.resolve("catalogue"));
        assertThatThrownBy(this::start).hasMessageEndingWith("holds 1 volumes that its catalogue does not name");
    }
}
