package io.ashlar.lab.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.google.errorprone.annotations.Immutable;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.ThreadSafe;
import io.ashlar.base.time.Clock;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The structure of the project as tests; each rule's reason is in its text (ARCHITECTURE.md, "Modules"). */
class ArchitectureTest {
    private static final String[] GENERATED = {"io.ashlar.protocol.message.."};
    private static final JavaClasses PROJECT = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("-tests.jar"))
            .importPackages("io.ashlar");

    @Test
    void shouldLookOnlyUpTheTableOfModules() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("base")
                .definedBy("io.ashlar.base..")
                .layer("protocol")
                .definedBy("io.ashlar.protocol..")
                .layer("store")
                .definedBy("io.ashlar.store..")
                .layer("client")
                .definedBy("io.ashlar.client..")
                .layer("server")
                .definedBy("io.ashlar.server..")
                .layer("bridge")
                .definedBy("io.ashlar.vduse..")
                .layer("nbd")
                .definedBy("io.ashlar.nbd..")
                .layer("cli")
                .definedBy("io.ashlar.cli..")
                .whereLayer("base")
                .mayNotAccessAnyLayer()
                .whereLayer("protocol")
                .mayOnlyAccessLayers("base")
                .whereLayer("store")
                .mayOnlyAccessLayers("base")
                .whereLayer("client")
                .mayOnlyAccessLayers("base", "protocol")
                .whereLayer("bridge")
                .mayOnlyAccessLayers("base")
                .whereLayer("nbd")
                .mayOnlyAccessLayers("base")
                .whereLayer("server")
                .mayOnlyAccessLayers("base", "protocol", "store", "client")
                .because("a module that sees only the modules above it can be tested and measured alone")
                .check(PROJECT);
    }

    @Test
    void shouldHaveNoCyclesBetweenPackages() {
        slices().matching("io.ashlar.(*).(*)..")
                .should()
                .beFreeOfCycles()
                .because("a reader must be able to start somewhere")
                .check(PROJECT);
    }

    @Test
    void shouldKeepSystemCallsInOnePackage() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.ashlar.base.sys..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("jnr..", "com.kenai.jffi..")
                .because("the foreign-function library can then be replaced, faked and upgraded")
                .check(PROJECT);
    }

    @Test
    void shouldKeepTheMetricsLibraryOffTheDataPath() {
        noClasses()
                .that()
                .resideOutsideOfPackages(
                        "io.ashlar.server.metrics..", "io.ashlar.server.http..", "io.ashlar.cli.metrics..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.micrometer..", "io.prometheus..")
                .because("the data path counts in its own fields, which the metrics library reads")
                .check(PROJECT);
    }

    @Test
    void shouldParseCommandLinesOnlyInCli() {
        noClasses()
                .that()
                .resideOutsideOfPackages("io.ashlar.cli..", "io.ashlar.lab..", "io.ashlar.bench..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("picocli..")
                .because("only the command line parses command lines")
                .check(PROJECT);
    }

    @Test
    void shouldTakeTimeAndChanceFromBase() {
        noClasses()
                .that()
                .resideOutsideOfPackages(
                        "io.ashlar.base.time..", "io.ashlar.cli..", "io.ashlar.lab..", "io.ashlar.bench..")
                .should()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(UUID.class, "randomUUID")
                .orShould()
                .callConstructor(Random.class)
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(ThreadLocalRandom.class)
                .because("a simulation must be able to turn the clock and repeat the dice")
                .check(PROJECT);
    }

    /** A step of the wall clock, by an hour or by a year, then changes what people read and nothing else. */
    @Test
    void shouldAskTheWallClockOnlyForRecords() {
        noClasses()
                .that(areNot(
                        "io.ashlar.server.StorageNode", // when it was started
                        "io.ashlar.store.catalogue.VolumeCatalogue", // when a volume was made, since when it is held
                        "io.ashlar.vduse.agent.AttachSequence", // since when a volume is attached
                        "io.ashlar.vduse.agent.SocketSequence"))
                .should()
                .callMethod(Clock.class, "wallMs")
                .because("timeouts and ages are taken from the monotonic clock")
                .check(PROJECT);
        noClasses()
                .that(areNot("io.ashlar.base.time.SystemClock"))
                .should()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("java.util.Date")
                .orShould()
                .callMethodWhere(DescribedPredicate.describe(
                        "java.time is asked for the time",
                        call -> call.getTargetOwner().getPackageName().startsWith("java.time")
                                && call.getName().matches("now|system.*|tick.*")))
                .because("what nobody can ask for can't be mistaken for a measure of time")
                .check(PROJECT);
    }

    private static DescribedPredicate<JavaClass> areNot(String... names) {
        Set<String> allowed = Set.of(names);
        return DescribedPredicate.describe("are not " + allowed, type -> !allowed.contains(type.getName()));
    }

    @Test
    void shouldStateTheThreadOfEveryClass() {
        classes()
                .that()
                .resideOutsideOfPackages(GENERATED)
                .and()
                .areTopLevelClasses()
                .and(areOrdinaryClasses())
                .should(stateExactlyOneThreadingRule())
                .because("the threading rule is part of the type")
                .check(PROJECT);
    }

    @Test
    void shouldNameNoPackageAfterNothing() {
        noClasses()
                .should()
                .resideInAnyPackage(
                        "..util..", "..utils..", "..impl..", "..manager..", "..helper..", "..helpers..", "..model..")
                .because("a package is named after what it is about")
                .check(PROJECT);
    }

    private static DescribedPredicate<JavaClass> areOrdinaryClasses() {
        return DescribedPredicate.describe(
                "are no record, enum, interface, annotation or exception",
                type -> !type.isRecord()
                        && !type.isEnum()
                        && !type.isInterface()
                        && !type.isAssignableTo(Throwable.class)
                        && !type.getSimpleName().equals("package-info")
                        && !hasOnlyConstants(type));
    }

    /** A class that can't be instantiated and has only constants has no thread. */
    private static boolean hasOnlyConstants(JavaClass type) {
        return type.getMethods().stream()
                        .allMatch(method -> method.getModifiers().contains(JavaModifier.STATIC))
                && type.getFields().stream().allMatch(field -> field.getModifiers()
                        .containsAll(List.of(JavaModifier.STATIC, JavaModifier.FINAL)));
    }

    private static ArchCondition<JavaClass> stateExactlyOneThreadingRule() {
        return new ArchCondition<>("carry exactly one of @ConfinedTo, @ThreadSafe, @Immutable") {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                long count = Stream.of(ConfinedTo.class, ThreadSafe.class, Immutable.class)
                        .filter(type::isAnnotatedWith)
                        .count();
                if (count != 1) {
                    events.add(SimpleConditionEvent.violated(
                            type, type.getName() + " carries " + count + " threading annotations"));
                }
            }
        };
    }
}
