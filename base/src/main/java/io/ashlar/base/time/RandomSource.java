package io.ashlar.base.time;

import java.security.SecureRandom;
import java.util.UUID;

/** Randomness as a dependency, so that a simulation is repeatable from its seed. Implementations are thread-safe. */
public interface RandomSource {
    /** Unpredictable numbers from the operating system. */
    RandomSource SECURE = new SecureRandom()::nextLong;

    /** Returns 64 random bits. */
    long nextLong();

    /** Returns a random (version 4, RFC 9562) UUID. */
    default UUID nextUuid() {
        long high = (nextLong() & ~0xF000L) | 0x4000L;
        long low = (nextLong() & ~(3L << 62)) | (2L << 62);
        return new UUID(high, low);
    }
}
