/**
 * Linux system calls; the only package that knows jnr-ffi. Read {@link io.ashlar.base.sys.Linux} first. Owned by no
 * loop; which calls may block is said there. Imports {@code status}, jnr-ffi and netty-buffer. Data and control plane.
 */
package io.ashlar.base.sys;
