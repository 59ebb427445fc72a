package io.ashlar.store.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.base.sys.Errno;
import io.ashlar.store.file.FaultyStorageIo;
import io.ashlar.store.file.FaultyStorageIo.Call;
import io.ashlar.store.file.RecordingStorageIo;
import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import io.ashlar.store.file.StoreException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A header of which one slot could not be written: the other slot is all there is, and nothing may be written over it. */
class HeaderSlotsFailureTest {
    private static final long MAGIC = 0x1122334455667788L;
    /** What a disk that dies in the middle takes of a slot. */
    private static final int TORN_BYTES = 100;

    private final FaultyStorageIo io = new FaultyStorageIo(new RecordingStorageIo());
    private StorageFile file;
    private HeaderSlots slots;

    @BeforeEach
    void writeTwice() throws StoreException {
        io.createFolder(Path.of("/"));
        file = io.open(Path.of("/header"), StorageIo.Mode.CREATE);
        slots = new HeaderSlots(file, MAGIC);
        assertThat(slots.writeBoth()).isZero();
        slots.read("header");
        assertThat(write(7)).isZero();
    }

    private int write(int value) {
        slots.body().setIntLE(HeaderSlots.BODY_OFFSET, value);
        return slots.write();
    }

    private int valueOnDisk() throws StoreException {
        HeaderSlots read = new HeaderSlots(file, MAGIC);
        read.read("header");
        return read.body().getIntLE(HeaderSlots.BODY_OFFSET);
    }

    private void fail(Call failing, long decision) {
        io.setPlan((call, path) -> call == failing ? decision : FaultyStorageIo.PASS);
    }

    @Test
    void shouldKeepTheLastGoodSlotWhenWritesFailTwice() throws StoreException {
        fail(Call.WRITE, -Errno.EIO);
        assertThat(write(8)).isEqualTo(-Errno.EIO);
        fail(Call.WRITE, TORN_BYTES);
        assertThat(write(9)).isEqualTo(-Errno.EIO);
        assertThat(valueOnDisk()).isEqualTo(7);
    }

    @Test
    void shouldKeepTheLastDurableSlotWhenASyncHasFailed() throws StoreException {
        fail(Call.SYNC, -Errno.EIO);
        assertThat(write(8)).isEqualTo(-Errno.EIO);
        fail(Call.WRITE, TORN_BYTES);
        assertThat(write(9)).isEqualTo(-Errno.EIO);
        assertThat(valueOnDisk()).isEqualTo(7);
    }

    @Test
    void shouldTakeTheNextChangeWhenAWriteHasFailed() throws StoreException {
        fail(Call.WRITE, -Errno.EIO);
        assertThat(write(8)).isEqualTo(-Errno.EIO);
        io.setPlan((call, path) -> FaultyStorageIo.PASS);
        assertThat(write(9)).isZero();
        assertThat(valueOnDisk()).isEqualTo(9);
        assertThat(write(10)).isZero();
        assertThat(valueOnDisk()).isEqualTo(10);
    }
}
