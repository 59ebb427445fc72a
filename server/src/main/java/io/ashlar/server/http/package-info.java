/**
 * The node's HTTP port: {@code /metrics} and {@code /healthz}. Read {@link io.ashlar.server.http.HttpEndpoint}. Runs on
 * threads of its own, which never touch the data path. Imports {@code metrics}. Control plane.
 */
package io.ashlar.server.http;
