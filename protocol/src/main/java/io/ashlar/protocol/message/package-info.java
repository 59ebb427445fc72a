/**
 * Protobuf messages of session and ADMIN frames, generated from {@code src/main/proto}. Read {@code block.proto} first.
 * Immutable, owned by no loop; imports protobuf only; control plane.
 */
package io.ashlar.protocol.message;
