package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Loading classes before they are needed. */
class OwnClassesTest {
    @TempDir
    Path folder;

    /** Tells what it has loaded itself. */
    private static final class Loader extends URLClassLoader {
        Loader(Path jar) throws IOException {
            super(new URL[] {jar.toUri().toURL()}, null);
        }

        boolean hasLoaded(String name) {
            return findLoadedClass(name) != null;
        }
    }

    private Path jarOf(Class<?> type) throws IOException {
        Path jar = folder.resolve("ashlar-test-1.jar");
        String name = type.getName().replace('.', '/') + ".class";
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
                InputStream in = type.getResourceAsStream("/" + name)) {
            out.putNextEntry(new JarEntry("META-INF/versions/17-x/"));
            out.putNextEntry(new JarEntry(name));
            in.transferTo(out);
            out.putNextEntry(new JarEntry("io/ashlar/package-info.class"));
        }
        return jar;
    }

    @Test
    void shouldLoadEveryClassOfAJar() throws IOException {
        Path jar = jarOf(BridgeException.class);
        try (Loader loader = new Loader(jar)) {
            List<String> names = OwnClasses.classesOf(jar);
            assertThat(names).containsExactly(BridgeException.class.getName());
            assertThat(loader.hasLoaded(names.get(0))).isFalse();
            assertThat(OwnClasses.load(names, loader)).isEqualTo(1);
            assertThat(loader.hasLoaded(names.get(0))).isTrue();
        }
    }

    @Test
    void shouldFindEveryNamedClassOfTheLibraries() {
        assertThat(OwnClasses.load(OwnClasses.OF_LIBRARIES, getClass().getClassLoader()))
                .isEqualTo(OwnClasses.OF_LIBRARIES.size());
    }

    @Test
    void shouldGoOnWhenAClassIsNotThere() {
        List<String> names = List.of("io.ashlar.Nowhere", BridgeException.class.getName());
        assertThat(OwnClasses.load(names, getClass().getClassLoader())).isEqualTo(1);
    }

    @Test
    void shouldTakeOnlyOurJarsFromTheClassPath() throws IOException {
        Path jar = jarOf(BridgeException.class);
        Path other = Files.createFile(folder.resolve("netty.jar"));
        String classPath = String.join(
                File.pathSeparator, other.toString(), jar.toString(), folder + "/ashlar-gone.jar", "classes");
        assertThat(OwnClasses.jars(classPath)).containsExactly(jar);
    }
}
