package io.ashlar.vduse.agent;

import com.google.errorprone.annotations.Immutable;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads the program's classes before they are needed. The JVM reads a class at its first use; those of errors and recovery
 * are first used when a node is away and memory is short, which is when a read of the disk may not come back.
 */
@Immutable
final class OwnClasses {
    /** What libraries use in those moments only. */
    static final List<String> OF_LIBRARIES = List.of(
            "ch.qos.logback.classic.spi.StackTraceElementProxy",
            "ch.qos.logback.classic.spi.ThrowableProxy",
            "ch.qos.logback.classic.spi.ThrowableProxyUtil",
            "io.netty.channel.AbstractChannel$AnnotatedConnectException",
            "io.netty.channel.ConnectTimeoutException",
            "io.netty.channel.StacklessClosedChannelException",
            "io.netty.channel.unix.Errors",
            "io.netty.channel.unix.Errors$NativeConnectException",
            "io.netty.channel.unix.Errors$NativeIoException");

    private static final Logger LOG = LoggerFactory.getLogger(OwnClasses.class);
    private static final String SUFFIX = ".class";

    private OwnClasses() {}

    /** Starts to load them, on a thread of its own: what is served first does not wait for it. */
    static void loadInBackground() {
        Thread thread = new Thread(OwnClasses::loadAll, "classes");
        thread.setDaemon(true);
        thread.start();
    }

    /** Loads them, and returns when that is done. */
    static void loadAll() {
        ClassLoader loader = OwnClasses.class.getClassLoader();
        int count = load(OF_LIBRARIES, loader);
        for (Path jar : jars(System.getProperty("java.class.path"))) {
            try {
                count += load(classesOf(jar), loader);
            } catch (IOException e) {
                LOG.warn("can't load the classes of {} beforehand: {}", jar, e.getMessage());
            }
        }
        LOG.debug("{} classes loaded beforehand", count);
    }

    /** Returns our own jars on a class path. */
    static List<Path> jars(String classPath) {
        return Stream.of(classPath.split(File.pathSeparator, -1))
                .map(Path::of)
                .filter(path -> path.getFileName() != null
                        && path.getFileName().toString().matches("ashlar-.*\\.jar")
                        && Files.isRegularFile(path))
                .toList();
    }

    /** Returns the names of the classes in a jar. */
    static List<String> classesOf(Path jar) throws IOException {
        List<String> names = new ArrayList<>();
        try (JarFile file = new JarFile(jar.toFile())) {
            for (JarEntry entry : file.stream().toList()) {
                String name = entry.getName();
                if (name.endsWith(SUFFIX) && !name.contains("-")) { // neither package-info nor META-INF
                    names.add(name.substring(0, name.length() - SUFFIX.length()).replace('/', '.'));
                }
            }
        }
        return names;
    }

    /** Loads classes without initialising them, and returns how many there were. */
    static int load(List<String> names, ClassLoader loader) {
        int count = 0;
        for (String name : names) {
            try {
                Class.forName(name, false, loader);
                count++;
            } catch (ClassNotFoundException | LinkageError e) {
                LOG.debug("class {} is not there", name, e);
            }
        }
        return count;
    }
}
