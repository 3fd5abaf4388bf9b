package org.retain4j.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.classmate.ResolvedType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.github.victools.jsonschema.generator.CustomDefinition;
import com.github.victools.jsonschema.generator.CustomDefinitionProviderV2;
import com.github.victools.jsonschema.generator.FieldScope;
import com.github.victools.jsonschema.generator.Option;
import com.github.victools.jsonschema.generator.OptionPreset;
import com.github.victools.jsonschema.generator.SchemaGenerationContext;
import com.github.victools.jsonschema.generator.SchemaGenerator;
import com.github.victools.jsonschema.generator.SchemaGeneratorConfigBuilder;
import com.github.victools.jsonschema.generator.SchemaVersion;
import com.github.victools.jsonschema.module.jackson.JacksonModule;
import com.github.victools.jsonschema.module.jackson.JacksonOption;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * The schema that ships is the one of the code; {@code -Dretain4j.schema.write=true} writes it
 * anew.
 */
class RunSchemaTest {

    private static final Path FILE =
            Path.of("src/main/resources/org/retain4j/cli/train/finetune.schema.json");
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    @Test
    void theShippedSchemaIsThatOfTheCode() throws IOException {
        String made = JSON.writeValueAsString(schema()) + "\n";
        if (Boolean.getBoolean("retain4j.schema.write")) {
            Files.writeString(FILE, made);
        }
        assertThat(FinetuneRun.schema()).isEqualToNormalizingNewlines(made);
    }

    @Test
    void everyKeyHasADescription() {
        JsonNode properties = schema().get("properties");
        assertThat(properties.size()).isGreaterThan(60);
        properties
                .fields()
                .forEachRemaining(
                        key ->
                                assertThat(key.getValue().toString())
                                        .as(key.getKey())
                                        .contains("description"));
        assertThat(properties.get("learning_rate").get("default").doubleValue()).isEqualTo(5e-5);
        assertThat(properties.get("optim").toString()).contains("\"adamw\"", "\"sgd\"");
    }

    private static ObjectNode schema() {
        SchemaGeneratorConfigBuilder builder =
                new SchemaGeneratorConfigBuilder(
                                SchemaVersion.DRAFT_2020_12, OptionPreset.PLAIN_JSON)
                        .with(
                                new JacksonModule(
                                        JacksonOption.RESPECT_JSONPROPERTY_REQUIRED,
                                        JacksonOption.FLATTENED_ENUMS_FROM_JSONPROPERTY))
                        .with(
                                Option.FORBIDDEN_ADDITIONAL_PROPERTIES_BY_DEFAULT,
                                Option.MAP_VALUES_AS_ADDITIONAL_PROPERTIES)
                        .without(Option.FLATTENED_ENUMS);
        builder.forFields().withDefaultResolver(RunSchemaTest::defaultOf);
        builder.forTypesInGeneral()
                .withCustomDefinitionProvider(RunSchemaTest::enumeration)
                .withCustomDefinitionProvider(new ShortForms());
        ObjectNode schema =
                (ObjectNode) new SchemaGenerator(builder.build()).generateSchema(RunConfig.class);
        schema.put("title", "A fine-tuning run of Retain4j");
        return schema;
    }

    private static @Nullable Object defaultOf(FieldScope scope) {
        try {
            Class<?> owner = scope.getDeclaringType().getErasedType();
            var constructor = owner.getDeclaredConstructor();
            constructor.setAccessible(true);
            Field field = owner.getDeclaredField(scope.getDeclaredName());
            field.setAccessible(true);
            Object value = field.get(constructor.newInstance());
            boolean tells =
                    value instanceof Number
                            || value instanceof Boolean
                            || value instanceof Enum<?>
                            || (value instanceof String text && !text.isEmpty());
            if (!tells) {
                return null;
            }
            return value instanceof Enum<?> constant
                    ? constant.name().toLowerCase(Locale.ROOT)
                    : value;
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static @Nullable CustomDefinition enumeration(
            ResolvedType type, SchemaGenerationContext context) {
        if (!type.getErasedType().isEnum()) {
            return null;
        }
        ObjectNode node = context.getGeneratorConfig().createObjectNode();
        node.put("type", "string");
        for (Object constant : type.getErasedType().getEnumConstants()) {
            node.withArray("enum").add(((Enum<?>) constant).name().toLowerCase(Locale.ROOT));
        }
        return new CustomDefinition(node, true);
    }

    /** A text may stand for a section that has a short form, one value for a list of it. */
    private static final class ShortForms implements CustomDefinitionProviderV2 {
        @Override
        public @Nullable CustomDefinition provideCustomSchemaDefinition(
                ResolvedType type, SchemaGenerationContext context) {
            Class<?> erased = type.getErasedType();
            ObjectNode node = context.getGeneratorConfig().createObjectNode();
            if (erased == DataSpec.class || erased == SamplePrompt.class) {
                node.withArray("anyOf").addObject().put("type", "string");
                node.withArray("anyOf").add(context.createStandardDefinition(type, this));
                return new CustomDefinition(
                        node,
                        CustomDefinition.DefinitionType.STANDARD,
                        CustomDefinition.AttributeInclusion.NO);
            }
            if (erased == List.class) {
                ResolvedType item = type.getTypeParameters().get(0);
                node.withArray("anyOf").add(context.createDefinitionReference(item));
                ObjectNode list = node.withArray("anyOf").addObject();
                list.put("type", "array");
                list.set("items", context.createDefinitionReference(item));
                return new CustomDefinition(node, true);
            }
            return null;
        }
    }
}
