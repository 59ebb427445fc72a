package io.ashlar.base.sys;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ashlar.base.annotation.ThreadSafe;
import io.netty.buffer.ByteBuf;
import java.lang.invoke.VarHandle;

/**
 * Keeps this process alive when a file that another process has shared with it shrinks under its mapping. Touching such a
 * page is a SIGBUS, and what the Java machine makes of that is of no use here: in compiled code that it calls itself (CRC32C,
 * for one) it ends the process, elsewhere it throws an {@link InternalError}, later, wherever the thread happens to be.
 *
 * <p>The guard's handler comes before the machine's. A fault inside a guarded mapping puts private zeroed memory in place of
 * the <em>whole</em> mapping, counts, and lets the instruction try again; all others go to the machine's handler with their
 * arguments as they were. Whoever shared the mapping is cut off from this process by that, and nobody else notices. It costs
 * nothing until it happens.
 *
 * <p>A handler can't be written in Java: it is a few instructions, listed below, for x86-64. Elsewhere there is none, and
 * {@link #isActive()} says so; a file that is sealed against shrinking needs none.
 *
 * <pre>
 *   entry (32 bytes): u64 start | u64 length (0: free) | u64 hits | u64 unused
 * </pre>
 */
@ThreadSafe
public final class MemoryGuard {
    /** Mappings guarded at once: with 8 regions each, of 128 devices. */
    public static final int MAPPINGS_MAX = 1024;

    private static final int ENTRY_BYTES = 32;
    private static final int LENGTH_OFFSET = 8;
    private static final int HITS_OFFSET = 16;
    private static final int PAGE_BYTES = 4096;

    /** asm-generic/signal.h; the same on x86-64. */
    private static final int SIGBUS = 7;
    /** struct sigaction of the C library on x86-64 (bits/sigaction.h): handler, mask of 128 bytes, flags, restorer. */
    private static final int SIGACTION_BYTES = 152;

    private static final int TABLE_AT = 6;
    private static final int FORMER_AT = 45;

    /** The handler: edi = signal, rsi = siginfo, rdx = context (System V x86-64, sigaction(2) with SA_SIGINFO). */
    private static final int[] CODE = {
        0xf3,
        0x0f,
        0x1e,
        0xfa, //                       endbr64
        0x48,
        0xb8,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0, //           mov rax, table
        0xb9,
        0,
        MAPPINGS_MAX >> 8,
        0,
        0, //             mov ecx, MAPPINGS_MAX
        0x4c,
        0x8b,
        0x46,
        0x10, //                       mov r8, [rsi+16]        si_addr
        0x4d,
        0x89,
        0xc1, //                       next: mov r9, r8
        0x4c,
        0x2b,
        0x08, //                             sub r9, [rax]           start
        0x4c,
        0x3b,
        0x48,
        0x08, //                       cmp r9, [rax+8]         length
        0x72,
        0x14, //                                   jb found
        0x48,
        0x83,
        0xc0,
        0x20, //                       add rax, 32
        0xff,
        0xc9, //                                   dec ecx
        0x75,
        0xec, //                                   jnz next
        0x48,
        0xb8,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0, //    chain: mov rax, former handler
        0xff,
        0xe0, //                                   jmp rax
        0xf0,
        0x48,
        0xff,
        0x40,
        0x10, //          found: lock inc qword [rax+16] hits
        0x52, //                                         push rdx
        0x56, //                                         push rsi
        0x48,
        0x8b,
        0x38, //                             mov rdi, [rax]          start
        0x48,
        0x8b,
        0x70,
        0x08, //                       mov rsi, [rax+8]        length
        0xba,
        0x03,
        0,
        0,
        0, //                          mov edx, 3              PROT_READ | PROT_WRITE
        0x41,
        0xba,
        0x32,
        0x40,
        0,
        0, //                 mov r10d, 0x4032        PRIVATE|FIXED|ANONYMOUS|NORESERVE
        0x49,
        0xc7,
        0xc0,
        0xff,
        0xff,
        0xff,
        0xff, //     mov r8, -1
        0x45,
        0x31,
        0xc9, //                             xor r9d, r9d
        0xb8,
        0x09,
        0,
        0,
        0, //                          mov eax, 9              mmap
        0x0f,
        0x05, //                                   syscall
        0x5e, //                                         pop rsi
        0x5a, //                                         pop rdx
        0x48,
        0x85,
        0xc0, //                             test rax, rax
        0x78,
        0x01, //                                   js failed
        0xc3, //                                         ret
        0xbf,
        SIGBUS,
        0,
        0,
        0, //                 failed: mov edi, SIGBUS
        0xeb,
        0xbb, //                                   jmp chain
    };

    private static final MemoryGuard INSTANCE = new MemoryGuard();

    /** The table that the handler reads, or null where there is none. */
    private final ByteBuf table;

    @GuardedBy("this")
    private int used;

    private MemoryGuard() {
        table = System.getProperty("os.arch").equals("amd64") ? install() : null;
    }

    /** Returns the guard of this process. */
    public static MemoryGuard get() {
        return INSTANCE;
    }

    /** Returns the table, or null if the handler can't be installed. */
    private static ByteBuf install() {
        long tableBytes = (long) MAPPINGS_MAX * ENTRY_BYTES;
        long memory = Linux.mapExecutable(tableBytes + PAGE_BYTES);
        if (memory < 0) {
            return null;
        }
        ByteBuf table = Linux.wrap(memory, (int) tableBytes);
        ByteBuf page = Linux.wrap(memory + tableBytes, PAGE_BYTES);
        long actions = memory + tableBytes + PAGE_BYTES / 2;
        if (Linux.signalAction(SIGBUS, 0, actions) < 0) {
            return null;
        }
        for (int i = 0; i < CODE.length; i++) {
            page.setByte(i, CODE[i]);
        }
        page.setLongLE(TABLE_AT, memory);
        page.setLongLE(FORMER_AT, page.getLongLE(PAGE_BYTES / 2));
        // The machine's own mask and flags (SA_SIGINFO among them) stay: only the address is another one.
        page.setBytes(PAGE_BYTES / 2 + SIGACTION_BYTES, page, PAGE_BYTES / 2, SIGACTION_BYTES);
        page.setLongLE(PAGE_BYTES / 2 + SIGACTION_BYTES, memory + tableBytes);
        return Linux.signalAction(SIGBUS, actions + SIGACTION_BYTES, 0) < 0 ? null : table;
    }

    /** Returns whether mappings can be guarded on this machine. */
    public boolean isActive() {
        return table != null;
    }

    /**
     * Guards a mapping from now on.
     *
     * @param address its start
     * @param length all of it: what gets replaced as one
     * @return the entry for {@link #vanished} and {@link #release}, or -1 if there is no room or no handler
     */
    public synchronized int guard(long address, long length) {
        if (table == null || used == MAPPINGS_MAX) {
            return -1;
        }
        int entry = 0;
        while (table.getLongLE(entry * ENTRY_BYTES + LENGTH_OFFSET) != 0) {
            entry++;
        }
        used++;
        int at = entry * ENTRY_BYTES;
        table.setLongLE(at + HITS_OFFSET, 0);
        table.setLongLE(at, address);
        VarHandle.releaseFence();
        table.setLongLE(at + LENGTH_OFFSET, length);
        return entry;
    }

    /** Returns whether the mapping has been replaced, because its file had shrunk. */
    public boolean vanished(int entry) {
        return entry >= 0 && table.getLongLE(entry * ENTRY_BYTES + HITS_OFFSET) != 0;
    }

    /** Ends the guard, before the mapping goes; nobody touches it any more. */
    public synchronized void release(int entry) {
        if (entry >= 0) {
            table.setLongLE(entry * ENTRY_BYTES + LENGTH_OFFSET, 0);
            used--;
        }
    }
}
