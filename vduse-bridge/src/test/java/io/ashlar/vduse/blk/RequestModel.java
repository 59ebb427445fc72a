package io.ashlar.vduse.blk;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.vring.DriverModel;
import io.ashlar.vduse.vring.DriverModel.Piece;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Makes random virtio-blk requests and says what must come of them, from virtio 1.2, 5.2.6 and an array as the volume. Each
 * request has an arena of the driver's memory for itself; afterwards every byte of it is compared.
 */
final class RequestModel {
    private static final int POISON = 0xEE;
    private static final int IN = 0;
    private static final int OUT = 1;
    private static final int FLUSH = 4;
    private static final int GET_ID = 8;
    private static final int DISCARD = 11;
    private static final int WRITE_ZEROES = 13;

    /** A request under way: what its arena looked like, and what must be in its writable bytes. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Expectation(int arena, byte[] image, List<Piece> writable, int status, byte[] written) {}

    private final VirtioBlkConfig config;
    private final byte[] volume;
    private final DriverModel driver;
    private final ByteBuffer data;
    private final long dataIova;
    private final int arenaBytes;
    private final Random random;
    private final Expectation[] byHead;
    private final byte[] poison;
    private final ArrayDeque<Integer> arenas = new ArrayDeque<>();
    private final int blockBytes;
    private int inFlightCount;
    private int cursor;

    RequestModel(
            VirtioBlkConfig config,
            byte[] volume,
            DriverModel driver,
            ByteBuffer data,
            long dataIova,
            int arenaBytes,
            Random random) {
        this.config = config;
        this.volume = volume;
        this.driver = driver;
        this.data = data;
        this.dataIova = dataIova;
        this.arenaBytes = arenaBytes;
        this.random = random;
        poison = new byte[arenaBytes];
        Arrays.fill(poison, (byte) POISON);
        byHead = new Expectation[config.queueSize()];
        blockBytes = config.geometry().logicalBlockBytes();
        for (int i = 0; i < data.capacity() / arenaBytes; i++) {
            arenas.add(i);
        }
    }

    byte[] volume() {
        return volume;
    }

    int inFlightCount() {
        return inFlightCount;
    }

    /** Returns the requests whose status byte is untouched. */
    int unansweredCount() {
        int count = 0;
        for (Expectation request : byHead) {
            if (request != null) {
                Piece last = request.writable.get(request.writable.size() - 1);
                int at = (int) (last.iova() - dataIova) + last.length() - 1;
                count += (data.get(at) & 0xFF) == POISON ? 1 : 0;
            }
        }
        return count;
    }

    boolean hasRoom(int arenaCount) {
        return driver.freeCount() >= 4 && inFlightCount < arenaCount && !arenas.isEmpty();
    }

    /** Offers one random request. */
    void offer() {
        int type = new int[] {IN, IN, IN, OUT, OUT, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES, 10, 14, 77}
                [random.nextInt(13)];
        switch (type) {
            case IN, OUT -> offerTransfer(type);
            case DISCARD, WRITE_ZEROES -> offerRanges(type, 1);
            case GET_ID -> {
                byte[] id = new byte[random.nextInt(24)];
                byte[] serial = config.serial().getBytes(StandardCharsets.US_ASCII);
                send(header(type, random.nextLong(), 0), id.length, 0, Arrays.copyOf(serial, Math.min(20, id.length)));
            }
            case FLUSH -> send(header(type, 0, 0), 0, 0, new byte[0]);
            default -> send(header(type, 0, random.nextInt(64)), random.nextInt(64), 2, new byte[0]);
        }
    }

    /** Offers a discard or write-zeroes request of several ranges. */
    void offerSeveralRanges() {
        offerRanges(random.nextBoolean() ? DISCARD : WRITE_ZEROES, 2 + random.nextInt(VirtioBlkConfig.RANGES_MAX));
    }

    private void offerTransfer(int type) {
        int blocks = random.nextInt(10) == 0 ? 0 : 1 + random.nextInt((16 << 10) / blockBytes);
        int length = blocks * blockBytes + (random.nextInt(20) == 0 ? 1 + random.nextInt(blockBytes - 1) : 0);
        long sector = sector();
        boolean readOnly = type == OUT && config.geometry().readOnly();
        boolean good = isGood(sector, length) && !readOnly;
        ByteBuffer header = header(type, sector, type == OUT ? length : 0);
        if (type == IN) {
            byte[] expected =
                    good ? Arrays.copyOfRange(volume, (int) sector * 512, (int) sector * 512 + length) : new byte[0];
            send(header, length, good ? 0 : 1, expected);
            return;
        }
        byte[] payload = new byte[length];
        random.nextBytes(payload);
        header.put(16, payload);
        if (good) {
            System.arraycopy(payload, 0, volume, (int) sector * 512, length);
        }
        send(header, 0, good ? 0 : 1, new byte[0]);
    }

    private void offerRanges(int type, int count) {
        ByteBuffer header = header(type, 0, 16 * count);
        boolean supported = true;
        boolean good = count <= VirtioBlkConfig.RANGES_MAX && !config.geometry().readOnly();
        for (int i = 0; i < count; i++) {
            long sector = random.nextInt(4) == 0 && count == 1 ? sector() : goodSector();
            int sectors = random.nextInt(16) == 0 && count == 1 ? random.nextInt(1 << 30) : goodSectors(sector);
            int flags = random.nextInt(64) == 0 ? 2 << random.nextInt(4) : 0;
            flags |= type == WRITE_ZEROES || random.nextInt(64) == 0 ? random.nextInt(2) : 0;
            header.putLong(16 + 16 * i, sector).putInt(24 + 16 * i, sectors).putInt(28 + 16 * i, flags);
            supported &= (flags & ~1) == 0 && (type == WRITE_ZEROES || flags == 0);
            good &= isGood(sector, sectors * 512L);
        }
        if (count > VirtioBlkConfig.RANGES_MAX) {
            supported = true; // refused before the flags are looked at
        }
        if (good && supported) {
            for (int i = 0; i < count; i++) {
                zero(type, (int) header.getLong(16 + 16 * i) * 512, header.getInt(24 + 16 * i) * 512);
            }
        }
        send(header, 0, !supported ? 2 : good ? 0 : 1, new byte[0]);
    }

    private void zero(int type, int offset, int length) {
        int from = type == DISCARD ? (offset + 4095) / 4096 * 4096 : offset;
        int to = type == DISCARD ? (offset + length) / 4096 * 4096 : offset + length;
        for (int i = from; i < to; i++) {
            volume[i] = 0;
        }
    }

    private long goodSector() {
        return (long) random.nextInt(volume.length / blockBytes) * blockBytes / 512;
    }

    private int goodSectors(long sector) {
        boolean inside = sector >= 0 && sector <= (volume.length - blockBytes) / 512;
        int blocks = inside ? Math.min(40, (int) ((volume.length - sector * 512) / blockBytes)) : 1;
        return (1 + random.nextInt(blocks)) * blockBytes / 512;
    }

    private long sector() {
        return switch (random.nextInt(40)) {
            case 0 -> volume.length / 512 - random.nextInt(40);
            case 1 -> random.nextLong();
            case 2 -> Long.MAX_VALUE - random.nextInt(3);
            case 3 -> random.nextInt(volume.length / 512);
            default -> goodSector();
        };
    }

    private boolean isGood(long sector, long length) {
        return sector >= 0
                && sector < volume.length / 512
                && length > 0
                && sector * 512 + length <= volume.length
                && (sector * 512 | length) % blockBytes == 0;
    }

    private ByteBuffer header(int type, long sector, int payload) {
        ByteBuffer header = ByteBuffer.allocate(16 + payload).order(ByteOrder.LITTLE_ENDIAN);
        return header.putInt(0, type).putInt(4, random.nextInt()).putLong(8, sector);
    }

    /** Puts the readable bytes and room for the answer into an arena, in random pieces, and offers the chain. */
    private void send(ByteBuffer readable, int answerBytes, int status, byte[] answer) {
        int arena = arenas.remove();
        data.put(arena * arenaBytes, poison);
        boolean inTable = config.indirect() && random.nextBoolean();
        int piecesMax = Math.min(inTable ? config.queueSize() : Math.min(driver.freeCount(), config.queueSize()), 14);
        cursor = arena * arenaBytes;
        int answerPiecesMax = answerBytes == 0 ? 1 : piecesMax / 2;
        List<Piece> pieces = new ArrayList<>();
        List<Piece> writable = split(answerBytes + 1, true, answerPiecesMax);
        List<Piece> readablePieces = split(readable.capacity(), false, piecesMax - writable.size());
        put(readablePieces, readable);
        pieces.addAll(readablePieces);
        pieces.addAll(writable);

        int head;
        if (inTable) {
            int tableAt = cursor + random.nextInt(16);
            ByteBuffer table = data.slice(tableAt, 16 * pieces.size()).order(ByteOrder.LITTLE_ENDIAN);
            int direct = driver.freeCount() > 3 ? random.nextInt(Math.min(2, pieces.size())) : 0;
            head = driver.chain(pieces, direct, table, dataIova + tableAt);
        } else {
            head = driver.chain(pieces);
        }
        byte[] image = new byte[arenaBytes];
        data.get(arena * arenaBytes, image);
        byHead[head] = new Expectation(arena, image, writable, status, answer);
        inFlightCount++;
        driver.offer(head);
    }

    private List<Piece> split(int total, boolean writable, int piecesMax) {
        List<Piece> pieces = new ArrayList<>();
        int left = total;
        while (left > 0) {
            boolean last = pieces.size() == piecesMax - 1;
            int length = last || random.nextInt(3) == 0 ? left : random.nextInt(left + 1);
            if (length > 0 || !(writable && left == total)) {
                cursor += random.nextInt(100);
                pieces.add(new Piece(dataIova + cursor, length, writable));
                cursor += length;
            }
            left -= length;
        }
        return pieces;
    }

    private void put(List<Piece> pieces, ByteBuffer bytes) {
        int from = 0;
        for (Piece piece : pieces) {
            data.put((int) (piece.iova() - dataIova), bytes, from, piece.length());
            from += piece.length();
        }
    }

    /** Checks a used element: the status, the length, and every byte of the arena. */
    void check(int head, int usedLength) {
        Expectation request = byHead[head];
        byHead[head] = null;
        inFlightCount--;
        int start = request.arena * arenaBytes;
        int from = 0;
        for (Piece piece : request.writable) {
            int length = Math.min(piece.length(), request.written.length - from);
            System.arraycopy(request.written, from, request.image, (int) (piece.iova() - dataIova) - start, length);
            from += length;
        }
        Piece last = request.writable.get(request.writable.size() - 1);
        int statusAt = (int) (last.iova() - dataIova) + last.length() - 1;
        request.image[statusAt - start] = (byte) request.status;
        byte[] found = new byte[arenaBytes];
        data.get(start, found);
        assertThat(found[statusAt - start]).as("status").isEqualTo((byte) request.status);
        assertThat(Arrays.mismatch(found, request.image)).as("arena").isEqualTo(-1);
        assertThat(usedLength).as("used length").isEqualTo(1 + request.written.length);
        arenas.add(request.arena);
    }
}
