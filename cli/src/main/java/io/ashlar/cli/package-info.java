/**
 * The {@code ashlar} command: picocli commands and the wiring of the modules. Read {@link io.ashlar.cli.Main} first. Runs
 * on the main thread, which also creates all others. May import every module. Control plane.
 */
package io.ashlar.cli;
