package io.ashlar.store.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.store.file.Scratch;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** The tables of docs/on-disk-format.md are the constants of the code. */
class OnDiskFormatTest {
    private static final Path DOCUMENT = Path.of("../docs/on-disk-format.md");

    /** Returns the rows of a table, offset by text, given a part of its heading row. */
    private static Map<String, Integer> table(String heading) throws IOException {
        Map<String, Integer> rows = new LinkedHashMap<>();
        boolean inTable = false;
        for (String line : Files.readAllLines(DOCUMENT)) {
            String[] cells = line.replace("\\|", "/").split("\\|", -1);
            if (cells.length < 4) {
                inTable = false;
            } else if (cells[3].contains(heading)) {
                inTable = true;
            } else if (inTable && !cells[1].contains("---")) {
                rows.put(cells[3].trim(), Integer.parseInt(cells[1].trim()));
            }
        }
        assertThat(rows).as("table " + heading).isNotEmpty();
        return rows;
    }

    private static void expect(Map<String, Integer> table, String textStart, int offset) {
        assertThat(table.entrySet())
                .filteredOn(row -> row.getKey().startsWith(textStart))
                .as(textStart)
                .singleElement()
                .satisfies(row -> assertThat(row.getValue()).isEqualTo(offset));
    }

    private static long magic(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        long magic = 0;
        for (int i = bytes.length - 1; i >= 0; i--) {
            magic = magic << 8 | bytes[i];
        }
        return magic;
    }

    @Test
    void shouldHaveTheHeadersOfTheDocument() throws Exception {
        Map<String, Integer> slot = table("header slot");
        expect(slot, "magic", HeaderSlots.MAGIC_OFFSET);
        expect(slot, "version", HeaderSlots.VERSION_OFFSET);
        expect(slot, "sequence", HeaderSlots.SEQUENCE_OFFSET);
        expect(slot, "body", HeaderSlots.BODY_OFFSET);
        expect(slot, "CRC32C", HeaderSlots.CHECKSUM_OFFSET);
        Map<String, Integer> folder = table("ASHLARDF");
        expect(folder, "UUID", FolderHeader.UUID_OFFSET);
        expect(folder, "boot id", FolderHeader.BOOT_ID_OFFSET);
        expect(folder, "flags", FolderHeader.FLAGS_OFFSET);
        Map<String, Integer> volume = table("ASHLARVO");
        expect(volume, "UUID", VolumeHeader.UUID_OFFSET);
        expect(volume, "size", VolumeHeader.SIZE_OFFSET);
        expect(volume, "logical block", VolumeHeader.LOGICAL_BLOCK_OFFSET);
        expect(volume, "blocks in a region", VolumeHeader.REGION_BLOCKS_OFFSET);
        expect(volume, "regions in an extent", VolumeHeader.EXTENT_REGIONS_OFFSET);
        expect(volume, "slots", VolumeHeader.REGIONS_MARKED_MAX_OFFSET);
        Map<String, Integer> extent = table("ASHLAREX");
        expect(extent, "UUID", ExtentHeader.VOLUME_OFFSET);
        expect(extent, "extent", ExtentHeader.INDEX_OFFSET);
        expect(extent, "layer", ExtentHeader.LAYER_OFFSET);
        expect(extent, "blocks", ExtentHeader.REGION_BLOCKS_OFFSET);
        expect(extent, "regions", ExtentHeader.EXTENT_REGIONS_OFFSET);
        assertThat(FolderHeader.MAGIC).isEqualTo(magic("ASHLARDF"));
        assertThat(VolumeHeader.MAGIC).isEqualTo(magic("ASHLARVO"));
        assertThat(ExtentHeader.MAGIC).isEqualTo(magic("ASHLAREX"));
        assertThat(ExtentHeader.MAP_OFFSET).isEqualTo(8192);
    }

    @Test
    void shouldHaveTheEntriesAndIntentsOfTheDocument() throws Exception {
        Map<String, Integer> entry = table("map entry");
        expect(entry, "CRC32C of the block before", MapEntry.PREVIOUS_OFFSET);
        expect(entry, "CRC32C of the block,", MapEntry.NEXT_OFFSET);
        expect(entry, "states", MapEntry.STATES_OFFSET);
        expect(entry, "CRC32C of bytes 0 to 11", MapEntry.CHECK_OFFSET);
        Map<String, Integer> sector = table("intent sector");
        expect(sector, "magic", IntentSector.MAGIC_OFFSET);
        expect(sector, "index", IntentSector.INDEX_OFFSET);
        expect(sector, "sequence", IntentSector.SEQUENCE_OFFSET);
        expect(sector, IntentSector.SLOTS + " slots", IntentSector.SLOTS_OFFSET);
        expect(sector, "CRC32C", IntentSector.CHECKSUM_OFFSET);
        assertThat((long) IntentSector.MAGIC).isEqualTo(magic("INTN"));
    }

    @Test
    void shouldCheckAnEntryWithTheChecksumOfTheDocument() {
        ExtentHeader extent = new ExtentHeader(new UUID(1, 2), 3, 4, ExtentShape.STANDARD);
        ByteBuf page = Scratch.allocate(32);
        MapEntry.encode(
                page,
                16,
                new BlockVersion().set(MapEntry.DATA, 0x11223344),
                new BlockVersion().set(MapEntry.DATA, 0xA1B2C3D4),
                extent,
                77);
        ByteBuf summed = Scratch.allocate(24);
        summed.setBytes(0, page, 16, 12);
        summed.setIntLE(12, 77);
        summed.setIntLE(16, 3);
        summed.setIntLE(20, 4);
        CRC32C crc = new CRC32C();
        crc.update(summed.nioBuffer(0, 24));
        assertThat(page.getIntLE(28)).isEqualTo((int) crc.getValue());
        assertThat(page.getIntLE(24)).isEqualTo(0x80 | 1 | 1 << 2);
        assertThat(MapEntry.isBlank(page, 0)).isTrue();
    }

    @Test
    void shouldGiveBackWhatWasPutIntoAnEntryAndRefuseItElsewhere() {
        Random random = new Random(9);
        ByteBuf page = Scratch.allocate(16);
        BlockVersion previous = new BlockVersion();
        BlockVersion next = new BlockVersion();
        for (int i = 0; i < 1000; i++) {
            ExtentHeader extent = new ExtentHeader(new UUID(1, 2), random.nextInt(1 << 20), 0, ExtentShape.STANDARD);
            int block = random.nextInt(1 << 18);
            byte state = (byte) random.nextInt(3);
            int checksum = random.nextInt();
            MapEntry.encode(
                    page,
                    0,
                    new BlockVersion().set(MapEntry.DATA, i),
                    new BlockVersion().set(state, checksum),
                    extent,
                    block);
            assertThat(MapEntry.decode(page, 0, previous, next, extent, block)).isTrue();
            assertThat(next.state()).isEqualTo(state);
            assertThat(next.checksum()).isEqualTo(state == MapEntry.DATA ? checksum : 0);
            assertThat(previous.checksum()).isEqualTo(i);
            assertThat(MapEntry.decode(page, 0, previous, next, extent, block ^ 1))
                    .isFalse();
        }
    }

    @Test
    void shouldNameTheRegionOfASlot() {
        long slot = IntentSector.slot((1 << 20) - 1, 1023, 7);
        assertThat(IntentSector.extentOf(slot)).isEqualTo((1 << 20) - 1);
        assertThat(IntentSector.regionOf(slot)).isEqualTo(1023);
        assertThat(IntentSector.layerOf(slot)).isEqualTo(7);
        assertThat(IntentSector.slot(0, 0, 0)).isEqualTo(1);
        assertThat(ExtentShape.STANDARD.metadataBytes()).isEqualTo(8192 + (4L << 20));
    }
}
