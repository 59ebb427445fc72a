package io.ashlar.nbd.wire;

import com.google.errorprone.annotations.Immutable;

/** What INFO and GO tell about an export ("doc/proto.md", "NBD_INFO"). */
@Immutable
public final class InfoType {
    public static final int EXPORT = 0;
    public static final int NAME = 1;
    public static final int DESCRIPTION = 2;
    public static final int BLOCK_SIZE = 3;

    private InfoType() {}
}
