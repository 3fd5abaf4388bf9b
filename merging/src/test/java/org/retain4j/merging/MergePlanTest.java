package org.retain4j.merging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
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
                "mlp | *x | line 6 has the alias *x but no anchor"
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

    @Test
    void readsAnchorsAndMergeKeys() throws MergeException {
        MergePlan plan =
                MergePlan.parse(
                        "p",
                        """
                        merge_method: ties
                        base_model: b
                        models:
                        - {model: a, parameters: &all {weight: 0.5, density: &d [0, 1]}}
                        - {model: c, parameters: {<<: *all, weight: 0.25}}
                        - {model: e, parameters: {weight: 1, density: *d}}
                        """);
        List<MergePlan.Source> sources = plan.slices().get(0).sources();
        assertThat(sources.get(1).parameters().keySet())
                .containsExactlyInAnyOrder("weight", "density");
        assertThat(sources.get(1).parameters().get("weight"))
                .isEqualTo(new PlanValue.Gradient(List.of(0.25)));
        assertThat(sources.get(2).parameters().get("density"))
                .isEqualTo(new PlanValue.Gradient(List.of(0.0, 1.0)));
        StringBuilder bomb = new StringBuilder("a: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for (int i = 1; i < 12; i++) {
            bomb.append("b").append(i).append(": &a").append(i).append(" [");
            bomb.append(("*a" + (i - 1) + ", ").repeat(10)).append("x]\n");
        }
        assertThatThrownBy(() -> MergePlan.parse("p", bomb.toString()))
                .isInstanceOf(MergeException.class)
                .hasMessageContaining("too long for a plan");
    }

    @Test
    void warnsOfParametersOfOtherMethods() throws MergeException {
        MergePlan plan =
                MergePlan.parse("p", PLAN.replace("weight: true", "weight: true, density: 0.5"));
        assertThat(plan.warnings)
                .containsExactly(
                        "p line 8: linear has no parameter density, which is of other methods and"
                                + " changes nothing here");
    }

    @Test
    void readsRulesForTokens() throws MergeException {
        String text =
                """
                merge_method: linear
                models: [{model: a, parameters: {weight: 1}}]
                tokenizer:
                  source: {path: b}
                  pad_to_multiple_of: 8
                  tokens:
                    x: {source: {model: {path: c, revision: r}}}
                    y: {source: {kind: model_token, model: c, token_id: 3}, force: true}
                    z: {source: {kind: zero}}
                """;
        TokenPlan tokens = MergePlan.parse("p", text.replace("{path: b}", "b")).tokens;
        assertThat(tokens).isNotNull();
        assertThat(tokens.kind()).isEqualTo(TokenPlan.Kind.MODEL);
        assertThat(tokens.multiple()).isEqualTo(8);
        assertThat(tokens.models()).map(ModelReference::toString).containsExactly("c@r", "c");
        assertThat(tokens.tokens().get("x").token()).isEqualTo("x");
        assertThat(tokens.tokens().get("y").id()).isEqualTo(3);
        assertThat(tokens.tokens().get("y").forced()).isTrue();
        assertThat(tokens.tokens().get("z").model()).isNull();
        for (String wrong :
                List.of(
                        "token_id: 3 -> token_id: -3",
                        "token_id: 3 -> token: q, token_id: 3",
                        "kind: zero -> kind: zero, model: a",
                        "force: true -> force: maybe",
                        "multiple_of: 8 -> multiple_of: 0",
                        "kind: zero -> kind: zeros",
                        "tokens: -> token:")) {
            String[] parts = wrong.split(" -> ");
            String broken = text.replace("{path: b}", "b").replace(parts[0], parts[1]);
            assertThatThrownBy(() -> MergePlan.parse("p", broken))
                    .as(wrong)
                    .isInstanceOf(MergeException.class)
                    .hasMessageContaining("p line ");
        }
    }
}
