/**
 * The threading rules as annotations, one per class; {@code lab} checks that each class carries one.
 * Read {@link io.ashlar.base.annotation.ConfinedTo} first. Owned by no loop; imports nothing.
 */
package io.ashlar.base.annotation;
