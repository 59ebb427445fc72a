package io.ashlar.server.registry;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.block.BlockDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** A volume in service: its files, opened when first wanted, and the uses of it. Not its catalogue entry. */
@ConfinedTo(LoopKind.POOL)
final class ServedVolume {
    private final UUID uuid;
    private final List<UseTicket> tickets = new ArrayList<>();
    private BlockDevice device;

    ServedVolume(UUID uuid) {
        this.uuid = uuid;
    }

    UUID uuid() {
        return uuid;
    }

    List<UseTicket> tickets() {
        return tickets;
    }

    BlockDevice device() {
        return device;
    }

    void device(BlockDevice newDevice) {
        device = newDevice;
    }
}
