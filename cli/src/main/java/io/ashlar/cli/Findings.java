package io.ashlar.cli;

import com.google.errorprone.annotations.Immutable;
import io.ashlar.store.StoreCheck;

/** What an offline check found, as people read it. */
@Immutable
final class Findings {
    private Findings() {}

    static String line(StoreCheck.Finding finding) {
        return "volume " + finding.volume() + ": " + (finding.block() < 0 ? "" : "block " + finding.block() + " ")
                + finding.problem() + (finding.file().isEmpty() ? "" : " (" + finding.file() + ")");
    }
}
