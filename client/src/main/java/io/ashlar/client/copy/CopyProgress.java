package io.ashlar.client.copy;

import io.ashlar.base.checksum.Crc32cSum;
import java.io.IOException;

/** Is told how far a copy is. */
@FunctionalInterface
public interface CopyProgress {
    /**
     * Called now and then, on the copying thread.
     *
     * @param sum length and checksum of what has been copied, from the start
     * @param durable whether that is durable by now, so that a copy may be taken up from here
     */
    void at(Crc32cSum sum, boolean durable) throws IOException;
}
