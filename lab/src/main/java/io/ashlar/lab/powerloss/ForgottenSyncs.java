package io.ashlar.lab.powerloss;

import io.ashlar.store.file.StorageFile;
import io.ashlar.store.file.StorageIo;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;

/** Sabotage, to show that its absence would be noticed: a file system that leaves out the syncs of certain files. */
final class ForgottenSyncs {
    private ForgottenSyncs() {}

    /** Returns a view of the file system that syncs no file whose path contains the text; empty text for an honest one. */
    static StorageIo of(StorageIo io, String inPath) {
        if (inPath.isEmpty()) {
            return io;
        }
        return view(
                StorageIo.class,
                io,
                (method, arguments, result) -> method.equals("open")
                                && ((Path) arguments[0]).toString().contains(inPath)
                        ? withoutSync((StorageFile) result)
                        : result);
    }

    private static StorageFile withoutSync(StorageFile file) {
        return view(StorageFile.class, file, (method, arguments, result) -> result);
    }

    private interface Replacement {
        Object of(String method, Object[] arguments, Object result);
    }

    private static <T> T view(Class<T> type, T below, Replacement replacement) {
        return type.cast(Proxy.newProxyInstance(
                ForgottenSyncs.class.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) -> {
                    if (method.getName().equals("syncData")) {
                        return 0;
                    }
                    try {
                        return replacement.of(method.getName(), arguments, method.invoke(below, arguments));
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }
}
