/**
 * The catalogue of outcomes, sorted by what a caller can do about them. Read {@link io.ashlar.base.status.Status} first.
 * Owned by no loop; imports nothing; data plane and control plane.
 */
package io.ashlar.base.status;
