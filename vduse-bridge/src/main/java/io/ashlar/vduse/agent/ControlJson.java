package io.ashlar.vduse.agent;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.google.errorprone.annotations.Immutable;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The bridge's JSON: flat objects, lists of texts or numbers, and lists of flat objects. Written out by hand with the streaming
 * parser: binding by reflection would cost every command more than its work. Unknown fields are ignored.
 */
@Immutable
final class ControlJson {
    private static final JsonFactory FACTORY = new JsonFactory();
    /** Deeper than anything of ours. */
    private static final int DEPTH_MAX = 4;

    private ControlJson() {}

    static byte[] toBytes(BridgeRequest request) throws IOException {
        return write(json -> {
            text(json, "command", request.command());
            text(json, "name", request.name());
            json.writeBooleanField("readOnly", request.readOnly());
            json.writeBooleanField("steal", request.steal());
            json.writeBooleanField("force", request.force());
            text(json, "socket", request.socket());
            json.writeNumberField("queues", request.queues());
            json.writeNumberField("pid", request.pid());
        });
    }

    static BridgeRequest toRequest(byte[] bytes) throws IOException {
        Fields fields = parse(bytes);
        return new BridgeRequest(
                fields.text("command"),
                fields.text("name"),
                fields.flag("readOnly"),
                fields.flag("steal"),
                fields.flag("force"),
                fields.text("socket"),
                (int) fields.number("queues"),
                fields.number("pid"));
    }

    static byte[] toBytes(BridgeAnswer answer) throws IOException {
        return write(json -> {
            text(json, "error", answer.error());
            json.writeArrayFieldStart("attachments");
            for (Attachment attachment : answer.attachments()) {
                json.writeStartObject();
                attachment(json, attachment);
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeArrayFieldStart("staying");
            for (String line : answer.staying()) {
                json.writeString(line);
            }
            json.writeEndArray();
            json.writeNumberField("failedRequests", answer.failedRequests());
        });
    }

    private static void attachment(JsonGenerator json, Attachment it) throws IOException {
        text(json, "name", it.name());
        text(json, "state", it.state());
        text(json, "device", it.device());
        text(json, "link", it.link());
        text(json, "vduse", it.vduse());
        json.writeBooleanField("readOnly", it.readOnly());
        json.writeNumberField("sizeBytes", it.sizeBytes());
        json.writeNumberField("logicalBlockBytes", it.logicalBlockBytes());
        json.writeArrayFieldStart("queueCpus");
        for (int cpu : it.queueCpus()) {
            json.writeNumber(cpu);
        }
        json.writeEndArray();
        json.writeNumberField("bounceBytes", it.bounceBytes());
        json.writeNumberField("sinceMs", it.sinceMs());
        text(json, "socket", it.socket());
    }

    static BridgeAnswer toAnswer(byte[] bytes) throws IOException {
        Fields fields = parse(bytes);
        List<Attachment> attachments = new ArrayList<>();
        for (Object each : fields.list("attachments")) {
            attachments.add(toAttachment((Fields) each));
        }
        return new BridgeAnswer(
                fields.text("error"),
                attachments,
                fields.list("staying").stream().map(String::valueOf).toList(),
                fields.number("failedRequests"));
    }

    private static Attachment toAttachment(Fields fields) {
        return new Attachment(
                fields.text("name"),
                fields.text("state"),
                fields.text("device"),
                fields.text("link"),
                fields.text("vduse"),
                fields.flag("readOnly"),
                fields.number("sizeBytes"),
                (int) fields.number("logicalBlockBytes"),
                fields.list("queueCpus").stream()
                        .map(cpu -> Math.toIntExact((Long) cpu))
                        .toList(),
                fields.number("bounceBytes"),
                fields.number("sinceMs"),
                fields.text("socket"));
    }

    static byte[] toBytes(AttachmentRecord details) throws IOException {
        return write(json -> {
            json.writeNumberField("version", details.version());
            text(json, "volume", details.volume());
            text(json, "id", details.id());
            text(json, "vduse", details.vduse());
            json.writeBooleanField("readOnly", details.readOnly());
            json.writeNumberField("queues", details.queues());
            json.writeNumberField("queueSize", details.queueSize());
            json.writeNumberField("bounceBytes", details.bounceBytes());
            json.writeNumberField("heldSinceMs", details.heldSinceMs());
            json.writeNumberField("sinceMs", details.sinceMs());
            text(json, "socket", details.socket());
        });
    }

    static AttachmentRecord toRecord(byte[] bytes) throws IOException {
        Fields fields = parse(bytes);
        return new AttachmentRecord(
                (int) fields.number("version"),
                fields.text("volume"),
                fields.text("id"),
                fields.text("vduse"),
                fields.flag("readOnly"),
                (int) fields.number("queues"),
                (int) fields.number("queueSize"),
                fields.number("bounceBytes"),
                fields.number("heldSinceMs"),
                fields.number("sinceMs"),
                fields.text("socket"));
    }

    private static void text(JsonGenerator json, String field, String value) throws IOException {
        if (value != null) {
            json.writeStringField(field, value);
        }
    }

    /** Writes the fields of one object. */
    private interface Body {
        void writeTo(JsonGenerator json) throws IOException;
    }

    private static byte[] write(Body body) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator json = FACTORY.createGenerator(bytes)) {
            json.writeStartObject();
            body.writeTo(json);
            json.writeEndObject();
        }
        return bytes.toByteArray();
    }

    private static Fields parse(byte[] bytes) throws IOException {
        try (JsonParser json = FACTORY.createParser(bytes)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw new BridgeException("not a JSON object");
            }
            return object(json, 1);
        } catch (JsonProcessingException e) {
            throw new BridgeException("not the JSON of a bridge: " + e.getOriginalMessage(), e); // in one line
        } catch (ClassCastException e) {
            throw new BridgeException("not the JSON of a bridge: " + e.getMessage(), e);
        }
    }

    private static Fields object(JsonParser json, int depth) throws IOException {
        Fields fields = new Fields(new LinkedHashMap<>());
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String name = json.currentName();
            json.nextToken();
            fields.values().put(name, value(json, depth));
        }
        return fields;
    }

    private static Object value(JsonParser json, int depth) throws IOException {
        if (depth > DEPTH_MAX) {
            throw new BridgeException("JSON nested too deeply");
        }
        return switch (json.currentToken()) {
            case START_OBJECT -> object(json, depth + 1);
            case START_ARRAY -> {
                List<Object> list = new ArrayList<>();
                while (json.nextToken() != JsonToken.END_ARRAY) {
                    list.add(value(json, depth + 1));
                }
                yield list;
            }
            case VALUE_NUMBER_INT -> json.getLongValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            default -> json.getText();
        };
    }

    /** The fields of an object, as they came: one that is missing or of another type is null, false, 0 or empty. */
    private record Fields(Map<String, Object> values) {
        String text(String name) {
            return values.get(name) instanceof String text ? text : null;
        }

        boolean flag(String name) {
            return Boolean.TRUE.equals(values.get(name));
        }

        long number(String name) {
            return values.get(name) instanceof Long number ? number : 0;
        }

        List<?> list(String name) {
            return values.get(name) instanceof List<?> list ? list : List.of();
        }
    }
}
