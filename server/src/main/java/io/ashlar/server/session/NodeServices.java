package io.ashlar.server.session;

import io.ashlar.server.config.ServerLimits;
import io.ashlar.server.registry.NodeIdentity;
import io.ashlar.server.registry.VolumeRegistry;

/**
 * What every connection of the node needs.
 *
 * @param node who we are
 * @param registry the way to volumes
 * @param limits what a client may have
 * @param log for what peers cause
 */
record NodeServices(NodeIdentity node, VolumeRegistry registry, ServerLimits limits, PeerLog log) {}
