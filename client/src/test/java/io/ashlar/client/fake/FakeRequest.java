package io.ashlar.client.fake;

import com.google.protobuf.ByteString;
import io.ashlar.protocol.frame.Opcode;

/** A request as it arrived; its payload without the checksums. */
public record FakeRequest(
        Opcode opcode,
        long requestId,
        long offset,
        int length,
        int flags,
        long aux,
        ByteString data,
        boolean checksumsMatch) {}
