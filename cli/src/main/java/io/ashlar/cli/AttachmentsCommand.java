package io.ashlar.cli;

import static java.util.stream.Collectors.joining;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.text.SizeText;
import io.ashlar.vduse.agent.Attachment;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code ashlar attachments}: what this host has attached. */
@ConfinedTo(LoopKind.OWNER)
@Command(name = "attachments", description = "List the volumes attached to this host.", mixinStandardHelpOptions = true)
final class AttachmentsCommand implements Runnable {
    private static final List<String> COLUMNS = List.of("name", "device", "state", "size", "access", "queue cpus");

    @Mixin
    private ControlOption control;

    @Mixin
    private Output output;

    @Override
    public void run() {
        List<Attachment> attachments = control.ask(bridge -> bridge.attachments());
        output.table(
                attachments.stream()
                        .map(a -> output.isJson() ? fields(a) : row(a))
                        .toList(),
                COLUMNS);
    }

    static Map<String, Object> fields(Attachment attachment) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("name", attachment.name());
        fields.put("device", attachment.device());
        fields.put("link", attachment.link());
        fields.put("state", attachment.state());
        fields.put("readOnly", attachment.readOnly());
        fields.put("sizeBytes", attachment.sizeBytes());
        fields.put("blockSize", attachment.logicalBlockBytes());
        fields.put("queueCpus", attachment.queueCpus());
        fields.put("bounceBytes", attachment.bounceBytes());
        fields.put("vduse", attachment.vduse());
        fields.put("since", Instant.ofEpochMilli(attachment.sinceMs()).toString());
        return fields;
    }

    static Map<String, Object> row(Attachment attachment) {
        Map<String, Object> row = fields(attachment);
        row.put("size", SizeText.format(attachment.sizeBytes()));
        row.put("access", attachment.readOnly() ? "read-only" : "read-write");
        row.put(
                "queue cpus",
                attachment.queueCpus().stream()
                        .map(cpu -> cpu < 0 ? "-" : cpu.toString())
                        .collect(joining(",")));
        return row;
    }
}
