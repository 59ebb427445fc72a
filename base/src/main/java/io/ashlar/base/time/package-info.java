/**
 * Clock and randomness behind interfaces; the only place that asks the machine for either. Read
 * {@link io.ashlar.base.time.Clock} first. Owned by no loop; imports nothing; data plane and control plane.
 */
package io.ashlar.base.time;
