package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MergePlanTest {

    private static final String PLAN =
            """
            merge_method: linear
            models:
            - model: a
              parameters:
                weight:
                - {filter: mlp, value: [0, 1, 4]}
                - {value: 1e-2}
            - {model: b, parameters: {weight: true}}
            """;

    @Test
    void readsGradientsAndFilters() throws MergeException {
        MergePlan plan = MergePlan.parse("p", PLAN);
        PlanValue weight = plan.slices().get(0).sources().get(0).parameters().get("weight");
        assertThat(weight).isNotNull();
        assertThat(weight.at("x.mlp.y", 0.25)).isEqualTo(0.5);
        assertThat(weight.at("x.mlp.y", 0.75)).isEqualTo(2.5);
        assertThat(weight.at("x.mlp.y", 1)).isEqualTo(4.0);
        assertThat(weight.at("norm", 0.5)).isEqualTo(0.01);
        assertThat(plan.models()).map(ModelReference::path).containsExactly("a", "b");
    }

    @Test
    void readsReferences() throws MergeException {
        MergePlan plan =
                MergePlan.parse(
                        "p",
                        """
                        merge_method: passthrough
                        base_model: {model: {path: org/m, revision: r}, lora: x}
                        models: [{model: "org/m@main+lora@v2"}]
                        """);
        assertThat(plan.base()).map(ModelReference::toString).contains("org/m@r+x");
        ModelReference model = plan.slices().get(0).sources().get(0).model();
        assertThat(model.revision()).contains("main");
        assertThat(model.adapter()).contains("lora");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "models | modles | line 3: the plan has no key modles; did you mean models?",
                "weight: true | wieght: true | line 8: linear has no parameter wieght",
                "linear | linaer | did you mean linear?",
                "mlp | *x | line 6 has an alias"
            })
    void namesTheLineAndTheNearestName(String old, String wrong, String message) {
        String text = PLAN.replace(old, wrong);
        assertThat(text).isNotEqualTo(PLAN);
        assertThatThrownBy(() -> MergePlan.parse("p", text))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining(message);
    }

    @Test
    void refusesHostileTexts() {
        String deep = "merge_method: " + "[".repeat(5000) + "]".repeat(5000);
        assertThatThrownBy(() -> MergePlan.parse("p", deep)).isInstanceOf(MergeException.class);
        assertThatThrownBy(() -> MergePlan.parse("p", PLAN + "---\n" + PLAN))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("2 documents");
        assertThatThrownBy(() -> MergePlan.parse("p", PLAN + "merge_method: ties\n"))
                .isInstanceOf(MergeException.class);
        assertThatThrownBy(() -> MergePlan.parse("p", "a: \"\0\""))
                .isInstanceOf(MergeException.class);
        assertThatThrownBy(() -> MergePlan.parse("p", PLAN.replace("1e-2", "9".repeat(400))))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("expected a number");
        assertThatThrownBy(() -> MergePlan.parse("p", PLAN.toUpperCase(Locale.ROOT)))
                .isInstanceOf(MergeException.class);
    }
}
