package io.ashlar.store.format;

import com.google.errorprone.annotations.Immutable;

/**
 * CRC32C (polynomial 0x1EDC6F41, reflected 0x82F63B78, RFC 3720 appendix B.4) of 64-bit words in registers, eight bytes
 * a step: a map entry has 12 bytes, for which a call through a buffer would cost more than the sum.
 */
@Immutable
final class EntryChecksum {
    private static final int POLYNOMIAL = 0x82F63B78;
    private static final int[][] TABLES = tables();

    private EntryChecksum() {}

    private static int[][] tables() {
        int[][] tables = new int[8][256];
        for (int i = 0; i < 256; i++) {
            int crc = i;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc >>> 1) ^ ((crc & 1) == 0 ? 0 : POLYNOMIAL);
            }
            tables[0][i] = crc;
        }
        for (int i = 0; i < 256; i++) {
            for (int t = 1; t < 8; t++) {
                int before = tables[t - 1][i];
                tables[t][i] = tables[0][before & 0xFF] ^ (before >>> 8);
            }
        }
        return tables;
    }

    /** Returns the checksum after eight more bytes, given as a little-endian word; start with -1, end with ~. */
    static int update(int crc, long word) {
        int low = (int) word ^ crc;
        int high = (int) (word >>> 32);
        return TABLES[7][low & 0xFF]
                ^ TABLES[6][(low >>> 8) & 0xFF]
                ^ TABLES[5][(low >>> 16) & 0xFF]
                ^ TABLES[4][low >>> 24]
                ^ TABLES[3][high & 0xFF]
                ^ TABLES[2][(high >>> 8) & 0xFF]
                ^ TABLES[1][(high >>> 16) & 0xFF]
                ^ TABLES[0][high >>> 24];
    }
}
