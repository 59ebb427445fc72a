package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.vduse.agent.HostCheck;
import io.netty.util.internal.PlatformDependent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code ashlar doctor}: what this host can do, and what to do about what is missing. */
@ConfinedTo(LoopKind.OWNER)
@Command(
        name = "doctor",
        description = "Say what this host can do, and what to do about what is missing. Exit code 1 when a volume can't"
                + " be attached here.",
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
    @Mixin
    private Output output;

    @Override
    public Integer call() {
        List<HostCheck.Finding> findings = new ArrayList<>(HostCheck.run());
        findings.add(java());
        List<Map<String, Object>> rows = new ArrayList<>();
        for (HostCheck.Finding finding : findings) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("subject", finding.subject());
            row.put("verdict", finding.verdict().name().toLowerCase(Locale.ROOT));
            row.put("found", finding.found());
            row.put("advice", finding.advice());
            rows.add(row);
        }
        output.table(rows, List.of("subject", "verdict", "found", "advice"));
        boolean missing = findings.stream().anyMatch(f -> f.verdict() == HostCheck.Verdict.MISSING);
        return missing ? Failure.FAILED : 0;
    }

    private static HostCheck.Finding java() {
        boolean unsafe = PlatformDependent.hasUnsafe();
        String found = Runtime.version() + (unsafe ? ", direct memory access" : ", no direct memory access");
        return unsafe
                ? new HostCheck.Finding("java", HostCheck.Verdict.OK, found, "")
                : new HostCheck.Finding(
                        "java",
                        HostCheck.Verdict.WARNING,
                        found,
                        "start through bin/ashlar, which knows the flags of this Java");
    }
}
