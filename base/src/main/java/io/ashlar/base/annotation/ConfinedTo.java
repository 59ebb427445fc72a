package io.ashlar.base.annotation;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Instances belong to one thread at a time, of the named kind; no other thread may call them. */
@Documented
@Retention(RetentionPolicy.CLASS)
@Target(ElementType.TYPE)
public @interface ConfinedTo {
    /** The kind of thread that owns the instance. */
    LoopKind value();
}
