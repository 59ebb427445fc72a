package io.ashlar.server.registry;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.block.BlockGeometry;
import io.ashlar.base.status.Status;
import io.ashlar.base.time.Clock;
import io.ashlar.base.time.RandomSource;
import io.ashlar.server.TestFiles;
import io.ashlar.store.catalogue.CatalogueResult;
import io.ashlar.store.catalogue.VolumeCatalogue;
import io.ashlar.store.file.LinuxStorageIo;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who may use a volume, where the catalogue's disk fails. */
class AttachmentsTest {
    /** Incarnations that one write of the catalogue makes durable. */
    private static final int INCARNATIONS_RESERVED = 1024;

    private static final int EIO = 5;
    private static final int ENOSPC = 28;

    @TempDir
    Path folder;

    private final TestFiles files = new TestFiles();
    private int writesLeft = Integer.MAX_VALUE;
    private final TurnedClock clock = new TurnedClock();
    private int triesToOpen;
    private VolumeCatalogue catalogue;
    private Attachments attachments;
    private OpenResult result;

    /** A use that says whether it was ended. */
    private static final class Use implements VolumeUse {
        private boolean ended;
        private boolean awaited = true;

        @Override
        public boolean isAwaited() {
            return awaited;
        }

        @Override
        public void end(boolean fenced) {
            ended = true;
        }

        @Override
        public void geometryChanged(BlockGeometry geometry) {
            throw new AssertionError("it has not grown");
        }
    }

    /** A clock that stands still until it is turned. */
    private static final class TurnedClock implements Clock {
        private long nowNs = Long.MAX_VALUE - 1; // it may overflow at any time

        void turn(long seconds) {
            nowNs += TimeUnit.SECONDS.toNanos(seconds);
        }

        @Override
        public long nowNs() {
            return nowNs;
        }

        @Override
        public long wallMs() {
            return 0;
        }
    }

    @BeforeEach
    void create() throws StoreException {
        catalogue = VolumeCatalogue.open(folder, fullAfterSomeWrites(), Clock.SYSTEM, RandomSource.SECURE);
        CatalogueResult begun = catalogue.beginCreate("v", 1 << 20, 4096);
        files.create(
                ((CatalogueResult.Accepted) begun).volume().uuid(),
                ((CatalogueResult.Accepted) begun).volume().geometry());
        catalogue.finishCreate("v");
        files.beforeOpen(() -> triesToOpen++);
        attachments = new Attachments(new VolumeTable(catalogue, files, clock));
    }

    @AfterEach
    void free() {
        files.free();
    }

    private StorageIo fullAfterSomeWrites() {
        StorageIo disk = new LinuxStorageIo();
        return (StorageIo) Proxy.newProxyInstance(
                StorageIo.class.getClassLoader(), new Class<?>[] {StorageIo.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("open") && arguments[1] == StorageIo.Mode.CREATE && writesLeft-- <= 0) {
                        throw new StoreException("no space left on device", ENOSPC);
                    }
                    try {
                        return method.invoke(disk, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private OpenResult open(String host, long epoch, boolean steal, int loop, VolumeUse use) {
        result = null;
        attachments.open(new OpenRequest("v", host, epoch, false, steal, loop, 0), use, answer -> result = answer);
        return result;
    }

    private Status refusal() {
        return ((OpenResult.Refused) result).status();
    }

    /** Hands out what is left of the incarnations that are durable. */
    private void useUpIncarnations() {
        for (int used = 1; used < INCARNATIONS_RESERVED; used++) {
            attachments.open(new OpenRequest("v", "", 0, true, false, 0, 0), new Use(), answer -> assertThat(answer)
                    .isInstanceOf(OpenResult.Opened.class));
        }
    }

    private void shouldLeaveTheHolderAlone(int writesThatSucceed) {
        Use holder = new Use();
        assertThat(open("host-a", 0, false, 0, holder)).isInstanceOf(OpenResult.Opened.class);
        useUpIncarnations();
        writesLeft = writesThatSucceed;
        assertThat(open("host-b", 0, true, 0, new Use())).isInstanceOf(OpenResult.Refused.class);
        assertThat(catalogue.find("v").epoch()).isEqualTo(1);
        assertThat(catalogue.rejoin("v", "host-a", 1).status()).isEqualTo(Status.OK);
        assertThat(holder.ended).isFalse();
        writesLeft = Integer.MAX_VALUE;
        // The holder has not ended yet, so there is no answer, but it is told to.
        assertThat(open("host-b", 0, true, 0, new Use())).isNull();
        assertThat(catalogue.find("v").epoch()).isEqualTo(2);
        assertThat(holder.ended).isTrue();
    }

    @Test
    void shouldLeaveTheHolderAloneWhenNothingCanBeWrittenForAnother() {
        shouldLeaveTheHolderAlone(0);
    }

    @Test
    void shouldLeaveTheHolderAloneWhenOnlyTheFirstOfTheWritesForAnotherSucceeds() {
        shouldLeaveTheHolderAlone(1);
    }

    @Test
    void shouldKeepTheHolderWaitingWhenTheDiskIsFullForNow() {
        open("host-a", 0, false, 0, new Use());
        useUpIncarnations();
        writesLeft = 0;
        open("host-a", 1, false, 1, new Use());
        assertThat(refusal()).isEqualTo(Status.UNAVAILABLE);
        writesLeft = Integer.MAX_VALUE;
        assertThat(open("host-a", 1, false, 1, new Use())).isInstanceOf(OpenResult.Opened.class);
    }

    private OpenResult read() {
        result = null;
        attachments.open(new OpenRequest("v", "", 0, true, false, 0, 0), new Use(), answer -> result = answer);
        return result;
    }

    @Test
    void shouldKeepWhoeverUsesTheVolumeWaitingWhenTheFilesCanNotBeOpened() {
        assertThat(catalogue.attach("v", "host-a", false).status()).isEqualTo(Status.OK);
        files.failWith(new StoreException("too many open files", 24));
        open("host-a", 1, false, 0, new Use());
        assertThat(refusal()).isEqualTo(Status.UNAVAILABLE);
        // A reader that comes again can't be told from one that comes first.
        read();
        assertThat(refusal()).isEqualTo(Status.UNAVAILABLE);
        assertThat(((OpenResult.Refused) result).message()).contains("too many open files");
        open("host-a", 0, false, 0, new Use());
        assertThat(refusal()).isEqualTo(Status.UNAVAILABLE);
        assertThat(catalogue.find("v").epoch()).as("nothing has begun").isEqualTo(1);
        files.failWith(null);
        clock.turn(5);
        assertThat(open("host-a", 1, false, 0, new Use())).isInstanceOf(OpenResult.Opened.class);
        assertThat(read()).isInstanceOf(OpenResult.Opened.class);
    }

    @Test
    void shouldLeaveFilesThatCanNotBeOpenedAloneForAWhile() {
        files.failWith(new StoreException("input/output error", EIO));
        for (int i = 0; i < 5; i++) {
            open("host-a", 0, false, 0, new Use());
            assertThat(((OpenResult.Refused) result).message()).contains("input/output error");
            clock.turn(1);
        }
        assertThat(triesToOpen).isEqualTo(1);
        open("host-a", 0, false, 0, new Use());
        assertThat(triesToOpen).isEqualTo(2);
        files.failWith(null);
        clock.turn(5);
        assertThat(open("host-a", 0, false, 0, new Use())).isInstanceOf(OpenResult.Opened.class);
    }

    @Test
    void shouldLeaveFilesAloneForLongerWhenATryToOpenThemTakesLong() {
        files.failWith(new StoreException("input/output error", EIO));
        files.beforeOpen(() -> {
            triesToOpen++;
            clock.turn(3);
        });
        open("host-a", 0, false, 0, new Use());
        clock.turn(29);
        open("host-a", 0, false, 0, new Use());
        assertThat(triesToOpen).isEqualTo(1);
        clock.turn(1);
        open("host-a", 0, false, 0, new Use());
        assertThat(triesToOpen).isEqualTo(2);
    }

    @Test
    void shouldGrowFilesThatHaveFallenBehindTheCatalogue() {
        catalogue.grow("v", 1 << 21);
        OpenResult.Opened opened = (OpenResult.Opened) open("host-a", 0, false, 0, new Use());
        assertThat(opened.record().geometry().sizeBytes()).isEqualTo(1 << 21);
        assertThat(opened.device().geometry().sizeBytes()).isEqualTo(1 << 21);
    }

    @Test
    void shouldDoNothingForAnOpenThatNobodyWaitsFor() {
        Use abandoned = new Use();
        abandoned.awaited = false;
        open("host-a", 0, false, 0, abandoned);
        assertThat(refusal()).isEqualTo(Status.BUSY);
        assertThat(triesToOpen).isZero();
        assertThat(catalogue.find("v").epoch()).isZero();
    }
}
