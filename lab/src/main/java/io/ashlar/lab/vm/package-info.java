/**
 * Runs commands in a virtual machine whose kernel has VDUSE, for tests that need a real block device.
 * Read {@link io.ashlar.lab.vm.VirtualMachine} first; the work is done by the scripts in {@code lab/vm}.
 * Owned by no loop: the caller's thread waits. Imports only the JDK. Control plane, tests only.
 */
package io.ashlar.lab.vm;
