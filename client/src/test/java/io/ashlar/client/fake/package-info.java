/** A scripted node over real sockets, for the client's tests. Read {@link io.ashlar.client.fake.FakeNode} first. */
package io.ashlar.client.fake;
