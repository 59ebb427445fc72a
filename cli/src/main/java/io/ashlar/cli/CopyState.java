package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.base.checksum.Crc32cSum;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;

/**
 * How far an import or export has come, in a file beside the image, so that {@code --resume} can go on there: one line with
 * what is copied, and length and checksum of what is durable. Replaced as a whole, removed at the end.
 */
@ConfinedTo(LoopKind.OWNER)
final class CopyState {
    private static final String FORMAT = "ashlar-copy-1";
    private static final int FIELDS = 4;

    private final Path file;
    private final String subject;

    /**
     * Names the state of a copy.
     *
     * @param subject what is copied, so that nothing else is gone on with; no blanks
     */
    CopyState(Path image, String subject) {
        file = fileOf(image);
        this.subject = subject;
    }

    private static Path fileOf(Path image) {
        return image.resolveSibling(image.getFileName() + ".ashlar-copy");
    }

    /** Returns whether a copy to or from the image was interrupted. */
    static boolean exists(Path image) {
        return Files.exists(fileOf(image));
    }

    /** Returns what was copied before; a {@link Failure} when that was something else. */
    Crc32cSum read() throws IOException {
        if (!Files.exists(file)) {
            throw Failure.failed("there is nothing to resume: no " + file);
        }
        String[] fields = Files.readString(file).trim().split(" ", -1);
        if (fields.length != FIELDS || !fields[0].equals(FORMAT) || !fields[1].equals(subject)) {
            throw Failure.failed(file + " is of another copy; without --resume it starts from the beginning");
        }
        try {
            return new Crc32cSum(Integer.parseUnsignedInt(fields[3], 16), Long.parseLong(fields[2]));
        } catch (NumberFormatException e) {
            throw Failure.failed(file + " is damaged; without --resume the copy starts from the beginning", e);
        }
    }

    void write(Crc32cSum sum) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        String line = String.format(Locale.ROOT, "%s %s %d %s%n", FORMAT, subject, sum.lengthBytes(), sum.text());
        Files.writeString(fresh, line);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    void remove() throws IOException {
        Files.deleteIfExists(file);
    }
}
