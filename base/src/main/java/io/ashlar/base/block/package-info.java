/**
 * The narrow block interface that is stacked: remote volume, file store, memory, null. Read
 * {@link io.ashlar.base.block.BlockDevice} first, then {@link io.ashlar.base.block.BlockRequest}. Each queue is owned by
 * one data loop. Imports {@code status}, {@code loop}, {@code checksum} and netty-buffer. Data plane.
 */
package io.ashlar.base.block;
