package io.ashlar.base.checksum;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;

/**
 * The CRC32C of something long, put together from those of its parts in order. Zeroes cost nothing, however many: a CRC is
 * linear over GF(2), so that what a run of zero bytes does to it is a 32 by 32 bit matrix, and the matrix of a run twice
 * as long is its square.
 */
@ConfinedTo(LoopKind.OWNER)
public final class Crc32cSum {
    /** The polynomial 0x1EDC6F41, bits reversed (RFC 3720, 12.1). */
    private static final int POLYNOMIAL = 0x82F63B78;

    /** What 2^k zero bytes do, for lengths below 2^51. */
    private static final int[][] ZEROES = new int[51][];

    static {
        int[] oneBit = new int[Integer.SIZE];
        oneBit[0] = POLYNOMIAL;
        for (int i = 1; i < Integer.SIZE; i++) {
            oneBit[i] = 1 << (i - 1);
        }
        int[] matrix = square(square(square(oneBit))); // eight bits
        for (int k = 0; k < ZEROES.length; k++) {
            ZEROES[k] = matrix;
            matrix = square(matrix);
        }
    }

    private int value;
    private long lengthBytes;

    /** Creates the sum of nothing. */
    public Crc32cSum() {
        this(0, 0);
    }

    /** Creates the sum of a part whose checksum is known. */
    public Crc32cSum(int value, long lengthBytes) {
        this.value = value;
        this.lengthBytes = lengthBytes;
    }

    private static int[] square(int[] matrix) {
        int[] result = new int[Integer.SIZE];
        for (int i = 0; i < Integer.SIZE; i++) {
            result[i] = times(matrix, matrix[i]);
        }
        return result;
    }

    private static int times(int[] matrix, int vector) {
        int result = 0;
        for (int i = 0; i < Integer.SIZE; i++) {
            if ((vector >>> i & 1) != 0) {
                result ^= matrix[i];
            }
        }
        return result;
    }

    private static int shift(int crc, long zeroBytes) {
        int result = crc;
        for (int k = 0; k < ZEROES.length; k++) {
            if ((zeroBytes >>> k & 1) != 0) {
                result = times(ZEROES[k], result);
            }
        }
        return result;
    }

    /** Adds a part with this checksum. */
    public void append(int checksum, long partBytes) {
        value = shift(value, partBytes) ^ checksum;
        lengthBytes += partBytes;
    }

    /** Adds zero bytes. */
    public void appendZeroes(long zeroBytes) {
        append(~shift(-1, zeroBytes), zeroBytes);
    }

    /** Returns the checksum so far. */
    public int value() {
        return value;
    }

    /** Returns the length so far. */
    public long lengthBytes() {
        return lengthBytes;
    }

    /** Returns the checksum as eight hexadecimal digits. */
    public String text() {
        return String.format("%08x", value);
    }
}
