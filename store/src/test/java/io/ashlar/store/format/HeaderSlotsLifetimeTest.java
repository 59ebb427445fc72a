package io.ashlar.store.format;

import static org.assertj.core.api.Assertions.assertThat;

import com.kenai.jffi.MemoryIO;
import io.ashlar.store.file.StorageFile;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** The memory of a header must outlive the system call that reads it, whoever else has let go of it. */
class HeaderSlotsLifetimeTest {
    private static final long MAGIC = 0x1122334455667788L;

    private boolean collect;
    private int torn;

    /** A file whose writes look at the memory only after everything unreachable has been collected and used again. */
    private long write(long address, long length) throws InterruptedException {
        if (collect) {
            System.gc();
            Thread.sleep(20);
            ByteBuffer[] reuse = new ByteBuffer[2000];
            for (int i = 0; i < reuse.length; i++) {
                reuse[i] = ByteBuffer.allocateDirect(HeaderSlots.SLOT_BYTES);
            }
            if (MemoryIO.getInstance().getLong(address) != MAGIC) {
                torn++;
            }
        }
        return length;
    }

    @Test
    void shouldKeepItsMemoryUntilTheWriteHasReturned() {
        StorageFile file = (StorageFile) Proxy.newProxyInstance(
                StorageFile.class.getClassLoader(),
                new Class<?>[] {StorageFile.class},
                (proxy, method, arguments) -> write((Long) arguments[0], ((Number) arguments[1]).longValue()));
        for (int i = 0; i < 40_000; i++) {
            assertThat(new HeaderSlots(file, MAGIC).writeBoth()).isZero(); // until it runs compiled
        }
        collect = true;
        for (int i = 0; i < 10; i++) {
            assertThat(new HeaderSlots(file, MAGIC).writeBoth()).isZero();
        }
        assertThat(torn).isZero();
    }
}
