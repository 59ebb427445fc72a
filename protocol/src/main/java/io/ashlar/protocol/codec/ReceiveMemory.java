package io.ashlar.protocol.codec;

/** Who answers for the memory that a connection's receive buffers take. Used on the connection's loop. */
public interface ReceiveMemory {
    /** No bound: for a client, which chooses what it asks for. */
    ReceiveMemory UNBOUNDED = new ReceiveMemory() {
        @Override
        public boolean take(int bytes) {
            return true;
        }

        @Override
        public void charge(int bytes) {
            // Nobody counts.
        }

        @Override
        public void giveBack(int bytes) {
            // Nobody counts.
        }
    };

    /** Takes bytes that reading on needs; false: none are left, and who refuses stops the reading until some are. */
    boolean take(int bytes);

    /** Counts bytes that are taken in any case: a connection's first buffer. */
    void charge(int bytes);

    /** Gives the bytes of a buffer back, called by whoever let go of it last. */
    void giveBack(int bytes);
}
