/**
 * The event loop as confined objects see it. Read {@link io.ashlar.base.loop.Loop} first. Imports {@code base.time};
 * data plane and control plane.
 */
package io.ashlar.base.loop;
