package org.retain4j.core.natives;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Writes the C header of a class's native methods, which javac writes only with the source. */
final class JniHeader {

    private JniHeader() {}

    static String of(Class<?> type) {
        List<Method> natives =
                new ArrayList<>(
                        Arrays.stream(type.getDeclaredMethods())
                                .filter(method -> Modifier.isNative(method.getModifiers()))
                                .sorted(Comparator.comparing(Method::toString))
                                .toList());
        Set<String> names = new HashSet<>();
        Set<String> overloaded = new HashSet<>();
        natives.stream()
                .map(Method::getName)
                .filter(name -> !names.add(name))
                .forEach(overloaded::add);
        StringBuilder text = new StringBuilder("#pragma once\n#include <jni.h>\nextern \"C\" {\n");
        for (Method method : natives) {
            text.append("JNIEXPORT ")
                    .append(jni(method.getReturnType()))
                    .append(" JNICALL Java_")
                    .append(mangled(type.getName()))
                    .append('_')
                    .append(mangled(method.getName()));
            if (overloaded.contains(method.getName())) {
                text.append("__");
                for (Class<?> parameter : method.getParameterTypes()) {
                    text.append(mangled(parameter.descriptorString()));
                }
            }
            text.append("(JNIEnv*, ")
                    .append(Modifier.isStatic(method.getModifiers()) ? "jclass" : "jobject");
            for (Class<?> parameter : method.getParameterTypes()) {
                text.append(", ").append(jni(parameter));
            }
            text.append(");\n");
        }
        return text.append("}\n").toString();
    }

    private static String jni(Class<?> type) {
        if (type.isPrimitive()) {
            return type == void.class ? "void" : "j" + type.getName();
        }
        if (type.isArray()) {
            Class<?> part = type.getComponentType();
            return part.isPrimitive() ? "j" + part.getName() + "Array" : "jobjectArray";
        }
        if (type == String.class) {
            return "jstring";
        }
        return type == Class.class ? "jclass" : "jobject";
    }

    private static String mangled(String name) {
        StringBuilder text = new StringBuilder();
        for (char c : name.toCharArray()) {
            switch (c) {
                case '.', '/' -> text.append('_');
                case '_' -> text.append("_1");
                case ';' -> text.append("_2");
                case '[' -> text.append("_3");
                default -> {
                    if (c < 128 && Character.isLetterOrDigit(c)) {
                        text.append(c);
                    } else {
                        text.append("_0%04x".formatted((int) c));
                    }
                }
            }
        }
        return text.toString();
    }
}
