package io.ashlar.base.checksum;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.zip.CRC32C;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class Crc32cSumTest {
    @Property(tries = 200)
    void shouldBeTheChecksumOfTheWholeHoweverItIsCut(@ForAll long seed, @ForAll @IntRange(max = 8) int parts) {
        Random random = new Random(seed);
        CRC32C whole = new CRC32C();
        Crc32cSum sum = new Crc32cSum();
        for (int i = 0; i < parts; i++) {
            byte[] part = new byte[random.nextInt(100_000)];
            if (random.nextBoolean()) {
                sum.appendZeroes(part.length);
            } else {
                random.nextBytes(part);
                CRC32C own = new CRC32C();
                own.update(part);
                sum.append((int) own.getValue(), part.length);
            }
            whole.update(part);
        }
        assertThat(sum.value()).isEqualTo((int) whole.getValue());
    }
}
