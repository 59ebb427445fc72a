package io.ashlar.vduse.agent;

import io.ashlar.vduse.bus.VdpaBus;
import io.ashlar.vduse.bus.VdpaSysfs;
import io.ashlar.vduse.device.BridgedDevice;
import io.ashlar.vduse.device.VduseControl;

/** What all attachments of a bridge share. */
record BridgeParts(
        BridgeConfig config,
        HostFolders host,
        VduseControl vduse,
        VdpaBus bus,
        VdpaSysfs vdpa,
        VolumeOpener opener,
        BridgedDevice.Loops loops,
        StateFolder state,
        BounceBudget budget) {}
