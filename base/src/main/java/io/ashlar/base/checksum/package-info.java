/**
 * Checksums of volume data and headers. Read {@link io.ashlar.base.checksum.Crc32c} first. An instance is owned by one
 * data loop. Imports netty-buffer. Data plane.
 */
package io.ashlar.base.checksum;
