/**
 * What the bridge costs without what lies below it. Read {@link io.ashlar.bench.vhost.NullVhostUser}. Runs on loops of the
 * bridge's kinds; may import the bridge. Not part of the product.
 */
package io.ashlar.bench.vhost;
