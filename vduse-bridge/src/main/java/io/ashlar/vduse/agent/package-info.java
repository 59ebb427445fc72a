/**
 * The bridge daemon of a host: attaches volumes as block devices, detaches them, and answers on a control socket. Read
 * {@link io.ashlar.vduse.agent.BridgeDaemon} first. Its own threads, which may block, own it. Imports {@code device},
 * {@code bus}, {@code base} and Jackson's streaming parser (control messages only). Control plane.
 */
package io.ashlar.vduse.agent;
