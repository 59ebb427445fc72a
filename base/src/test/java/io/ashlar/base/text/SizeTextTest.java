package io.ashlar.base.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SizeTextTest {
    @ParameterizedTest
    @CsvSource({"512,512", "4k,4096", "10G,10737418240", "1.5T,1649267441664", "1MiB,1048576", "2GB,2147483648"})
    void shouldReadASizeWhenItIsOne(String text, long bytes) {
        assertThat(SizeText.parse(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "G", "ten", "-1G", "1.3", "1e9", "9999999P", "1 G"})
    void shouldNameTheTextWhenItIsNoSize(String text) {
        assertThatThrownBy(() -> SizeText.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'" + text + "'");
    }

    @Test
    void shouldWriteTheLargestUnitWhenFormatting() {
        assertThat(SizeText.format(0)).isEqualTo("0B");
        assertThat(SizeText.format(10L << 30)).isEqualTo("10G");
        assertThat(SizeText.format(3L << 39)).isEqualTo("1.5T");
    }
}
