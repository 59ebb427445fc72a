package io.ashlar.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.agent.Attachment;
import java.util.List;
import org.junit.jupiter.api.Test;

class AttachmentsCommandTest {
    @Test
    void shouldPrintQueueCpusForPeopleAsAListAndForProgramsAsNumbers() {
        Attachment attachment = new Attachment(
                "db",
                "attached",
                "/dev/vda",
                "/dev/ashlar/db",
                "ashlar-1",
                false,
                1 << 30,
                512,
                List.of(1, 0, -1),
                0,
                0,
                null);
        assertThat(AttachmentsCommand.row(attachment))
                .containsEntry("queue cpus", "1,0,-")
                .containsEntry("size", "1G")
                .containsEntry("access", "read-write");
        assertThat(AttachmentsCommand.fields(attachment))
                .containsEntry("queueCpus", List.of(1, 0, -1))
                .doesNotContainKey("queue cpus");
    }
}
