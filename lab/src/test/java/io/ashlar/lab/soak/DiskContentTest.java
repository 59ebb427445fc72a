package io.ashlar.lab.soak;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** What may be read, and that what may not is noticed. */
class DiskContentTest {
    private final DiskContent content = new DiskContent(8);

    private ByteBuffer written(int first, int count, long version) {
        ByteBuffer data = ByteBuffer.allocate(count * DiskContent.BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        content.write(first, count, version, data);
        return data;
    }

    private String check(int block, long oldest, ByteBuffer data) {
        return content.check(block, oldest, data, 0);
    }

    private static ByteBuffer zeroes() {
        return ByteBuffer.allocate(DiskContent.BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Test
    void shouldAllowOldAndNewWhileAWriteIsInFlightAndOnlyTheNewAfterIt() {
        assertThat(check(3, content.oldest(3), zeroes())).isNull();
        ByteBuffer first = written(3, 1, 1);
        long before = content.oldest(3);
        assertThat(content.isWriting(2, 3)).isTrue();
        assertThat(check(3, before, zeroes())).isNull();
        assertThat(check(3, before, first)).isNull();
        content.acknowledged(3, 1, 1);
        assertThat(content.isWriting(3, 1)).isFalse();
        assertThat(check(3, content.oldest(3), first)).isNull();
        assertThat(check(3, content.oldest(3), zeroes())).contains("version 0, but 1 was acknowledged");
        assertThat(check(3, before, zeroes()))
                .as("a read sent before the answer")
                .isNull();
    }

    @Test
    void shouldNoticeThatAWriteSentAgainHasHiddenALaterOne() {
        ByteBuffer first = written(0, 1, 1);
        content.acknowledged(0, 1, 1);
        written(0, 1, 2);
        content.acknowledged(0, 1, 2);
        assertThat(check(0, content.oldest(0), first)).contains("version 1, but 2");
    }

    @Test
    void shouldNeverGoBackToWhatWasThereBeforeAReadSawTheNew() {
        ByteBuffer data = written(0, 1, 5);
        assertThat(check(0, content.oldest(0), data)).isNull();
        assertThat(check(0, content.oldest(0), zeroes())).contains("version 0, but 5");
    }

    @Test
    void shouldNoticeTornBlocksAndThoseOfAnotherPlace() {
        ByteBuffer data = written(0, 2, 1);
        ByteBuffer torn = zeroes().put(0, data, 0, 2048);
        assertThat(check(0, 0, torn)).contains("torn");
        assertThat(content.check(0, 0, data, DiskContent.BLOCK_BYTES)).contains("of another place");
        ByteBuffer late = zeroes();
        late.put(100, (byte) 1);
        assertThat(check(5, 0, late)).contains("torn");
    }
}
