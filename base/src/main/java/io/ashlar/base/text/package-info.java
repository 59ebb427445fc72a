/**
 * Values as people read and write them. Read {@link io.ashlar.base.text.SizeText} first. Owned by no loop; imports
 * nothing; control plane.
 */
package io.ashlar.base.text;
