package io.ashlar.store.catalogue;

/** The catalogue can't be read or written; the message is one line for the operator. */
public final class CatalogueException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Creates it with its line. */
    public CatalogueException(String message) {
        super(message);
    }
}
