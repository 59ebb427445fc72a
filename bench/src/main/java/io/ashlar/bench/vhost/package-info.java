/**
 * Disks over vhost-user from outside: a load generator ({@link io.ashlar.bench.vhost.VhostLoad}, to be read first) and a disk that
 * is nowhere, for what the bridge costs without what lies below it. Runs on loops of the bridge's kinds; may import the bridge
 * and the lab's guest. Not part of the product.
 */
package io.ashlar.bench.vhost;
