package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class StopReportTest {
    @Test
    void shouldSayThatNothingWasLeftWhenNothingWas() {
        assertThat(StopReport.line(List.of(), true)).isEqualTo("bridge stopped; no device was left");
    }

    @Test
    void shouldNameWhatStaysAndHowToGoOn() {
        String disk = StopReport.device("db", "vda", "ashlar-1");
        String diskless = StopReport.device("log", null, "ashlar-2");
        assertThat(StopReport.line(List.of(disk, diskless), true))
                .contains("applications wait: db (/dev/vda), log (ashlar-2).")
                .contains("'ashlar bridge' goes on with them")
                .doesNotContain("in flight")
                .doesNotContain("null");
        assertThat(StopReport.line(List.of(disk), false))
                .contains("some requests were in flight and will be sent again");
    }
}
