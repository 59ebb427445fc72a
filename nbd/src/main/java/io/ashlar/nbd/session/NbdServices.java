package io.ashlar.nbd.session;

import io.ashlar.nbd.handshake.NbdExport;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What every connection of a server has.
 *
 * @param export what is served
 * @param limits what bounds it
 * @param gate keeps rewrites apart from other changes
 * @param largeReads how many more reads may be answered from memory of their own
 */
record NbdServices(NbdExport export, NbdLimits limits, WriteGate gate, AtomicInteger largeReads) {}
