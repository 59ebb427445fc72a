package io.ashlar.vduse.device;

import java.util.BitSet;

/**
 * The kernel's text form of a set of CPUs: hexadecimal words of 32 bits, the highest first, joined by commas (bitmap
 * format {@code %*pb}), as in {@code irq_cb_affinity}; and the list form of configurations, {@code 0,2-5}.
 */
public final class CpuMask {
    private static final int WORD_BITS = 32;
    /** Room for more CPUs than Linux supports (NR_CPUS 8192); bounds what a text can make us allocate. */
    private static final int CPUS_MAX = 8192;

    private CpuMask() {}

    /** Parses the hexadecimal form; throws {@link IllegalArgumentException} on anything else. */
    public static BitSet parse(String text) {
        String[] words = text.trim().split(",", -1);
        if (words.length > CPUS_MAX / WORD_BITS) {
            throw new IllegalArgumentException("CPU mask too long");
        }
        BitSet cpus = new BitSet();
        for (int i = 0; i < words.length; i++) {
            long word = Long.parseLong(words[words.length - 1 - i], 16);
            if (word < 0 || word >>> WORD_BITS != 0) {
                throw new IllegalArgumentException("'" + text + "' is not a CPU mask");
            }
            for (int bit = 0; bit < WORD_BITS; bit++) {
                cpus.set(i * WORD_BITS + bit, (word >>> bit & 1) != 0);
            }
        }
        return cpus;
    }

    /** Returns the hexadecimal form. */
    public static String format(BitSet cpus) {
        int words = Math.max(1, (cpus.length() + WORD_BITS - 1) / WORD_BITS);
        StringBuilder text = new StringBuilder();
        for (int i = words - 1; i >= 0; i--) {
            long word = 0;
            for (int bit = 0; bit < WORD_BITS; bit++) {
                word |= cpus.get(i * WORD_BITS + bit) ? 1L << bit : 0;
            }
            text.append(i == words - 1 ? "" : ",").append(String.format(i == words - 1 ? "%x" : "%08x", word));
        }
        return text.toString();
    }

    /** Parses the list form; throws {@link IllegalArgumentException} with a sentence for the operator. */
    public static BitSet parseList(String text) {
        BitSet cpus = new BitSet();
        for (String part : text.split(",", -1)) {
            String[] ends = part.trim().split("-", 2);
            try {
                int first = Integer.parseInt(ends[0]);
                int last = Integer.parseInt(ends[ends.length - 1]);
                if (first < 0 || last < first || last >= CPUS_MAX) {
                    throw new IllegalArgumentException("'" + part + "' is not a range of CPUs");
                }
                cpus.set(first, last + 1);
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException("'" + text + "' is not a list of CPUs such as 0,2-5", e);
            }
        }
        return cpus;
    }
}
