package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.base.text.SizeText;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads sizes such as {@code 10G} on the command line. */
@Immutable
final class Size implements ITypeConverter<Long> {
    @Override
    public Long convert(String text) {
        try {
            return SizeText.parse(text);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }
}
