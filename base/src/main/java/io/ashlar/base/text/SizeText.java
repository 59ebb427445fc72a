package io.ashlar.base.text;

import com.google.errorprone.annotations.Immutable;
import java.math.BigDecimal;
import java.util.Locale;

/** Byte counts as people write them: {@code 10G}, {@code 512}, {@code 1.5T}; units are powers of 1024. */
@Immutable
public final class SizeText {
    private static final String UNITS = "KMGTP";

    private SizeText() {}

    /**
     * Reads a size.
     *
     * @throws IllegalArgumentException with a message for the user when it is not a size or not a whole number of bytes
     */
    public static long parse(String text) {
        String trimmed = text.trim().toUpperCase(Locale.ROOT);
        String number = trimmed.replaceFirst("(IB|B)$", "");
        int unit = number.isEmpty() ? -1 : UNITS.indexOf(number.charAt(number.length() - 1));
        String digits = unit >= 0 ? number.substring(0, number.length() - 1) : number;
        if (!digits.matches("[0-9]{1,18}(\\.[0-9]{1,6})?")) {
            throw new IllegalArgumentException("'" + text + "' is not a size; write it like 512M, 10G or 1.5T");
        }
        try {
            return new BigDecimal(digits)
                    .multiply(BigDecimal.valueOf(1L << (10 * (unit + 1))))
                    .longValueExact();
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("'" + text + "' is not a whole number of bytes, or too large", e);
        }
    }

    /** Writes a size with the largest unit that leaves at most one decimal, such as {@code 10G} or {@code 1.5T}. */
    public static String format(long bytes) {
        int unit = 0;
        while (unit < UNITS.length() && Math.abs(bytes) >= 1L << (10 * (unit + 1))) {
            unit++;
        }
        if (unit == 0) {
            return bytes + "B";
        }
        String number = String.format(Locale.ROOT, "%.1f", (double) bytes / (1L << (10 * unit)));
        return (number.endsWith(".0") ? number.substring(0, number.length() - 2) : number) + UNITS.charAt(unit - 1);
    }
}
