package io.ashlar.nbd.session;

import io.ashlar.nbd.handshake.NbdExport;

/**
 * What every connection of a server has.
 *
 * @param export what is served
 * @param limits what bounds it
 * @param gate keeps rewrites apart from other changes
 */
record NbdServices(NbdExport export, NbdLimits limits, WriteGate gate) {}
