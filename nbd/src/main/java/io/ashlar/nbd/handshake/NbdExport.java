package io.ashlar.nbd.handshake;

import io.ashlar.base.block.BlockDevice;
import io.ashlar.nbd.wire.Wire;
import java.nio.charset.StandardCharsets;

/**
 * What is served: one volume under a name. The empty name means it too, as the default export.
 *
 * @param name what clients ask for
 * @param description a line for people
 * @param device the volume; whoever made it closes it, after the server
 * @param readOnly whether requests that change it are refused, whatever the device would say
 */
public record NbdExport(String name, String description, BlockDevice device, boolean readOnly) {
    /** Checks the components. */
    public NbdExport {
        if (tooLong(name) || tooLong(description)) {
            throw new IllegalArgumentException("longer than " + Wire.STRING_BYTES_MAX + " bytes: " + name);
        }
    }

    private static boolean tooLong(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length > Wire.STRING_BYTES_MAX;
    }

    /** Returns whether a client that asks for this name means this export. */
    public boolean isCalled(String asked) {
        return asked.isEmpty() || asked.equals(name);
    }

    /** Returns whether changing requests are refused. */
    public boolean refusesChanges() {
        return readOnly || device.geometry().readOnly();
    }
}
