package org.retain4j.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.retain4j.core.nn.Embedding;
import org.retain4j.core.nn.EmbeddingAdapter;
import org.retain4j.core.nn.Linear;
import org.retain4j.core.nn.LinearAdapter;
import org.retain4j.core.nn.LowRank;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.ParameterSlot;
import org.retain4j.core.nn.PassMode;
import org.retain4j.core.tensor.DType;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Random;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Places at which something else takes part in a model's computation. */
class AdapterHooksTest {

    private static final TokenBatch BATCH =
            TokenBatch.of(List.of(new int[] {1, 2, 3, 4, 5, 6}, new int[] {9, 8, 7, 6, 5, 4}));

    @TempDir Path folder;

    /** A low-rank term, computed by fused kernels or by itself. */
    private record Term(Parameter a, Parameter b, boolean fused) implements LinearAdapter {

        static Term of(Linear layer, boolean fused) {
            Tensor a = Random.at(1, 0, layer.name() + "a").normal(0.3, 2, layer.in());
            Tensor b = Random.at(1, 0, layer.name() + "b").normal(0.3, layer.out(), 2);
            return new Term(
                    new Parameter(layer.name() + ".a", a),
                    new Parameter(layer.name() + ".b", b),
                    fused);
        }

        @Override
        public LowRank lowRank(PassMode mode) {
            return fused ? new LowRank(a.value(), b.value(), 0.5) : null;
        }

        @Override
        public Tensor apply(Tensor input, Tensor output, PassMode mode) {
            assertThat(fused).isFalse();
            Tensor low = input.matmul(a.value().transpose(0, 1));
            return output.add(low.matmul(b.value().transpose(0, 1)).mul(0.5));
        }

        @Override
        public Tensor weight(Tensor weight) {
            return weight.add(b.value().matmul(a.value()).mul(0.5));
        }

        @Override
        public List<Parameter> parameters() {
            return List.of(a, b);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2", "gpt_neox", "phi3", "qwen2", "olmo2", "gemma3"})
    void fusedTermsEqualThoseComputedAloneAndChangedWeights(String name) throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve(name));
                Scope scope = Scope.open()) {
            Tensor before = model.hidden(BATCH);
            List<Tensor> results = new ArrayList<>();
            for (boolean fused : new boolean[] {true, false}) {
                List<Term> terms = new ArrayList<>();
                for (Linear layer : model.linears()) {
                    Term term = Term.of(layer, fused);
                    terms.add(term);
                    layer.attach(term);
                }
                assertThat(model.isAdapted()).isTrue();
                results.add(model.hidden(BATCH));
                for (int i = 0; i < terms.size(); i++) {
                    model.linears().get(i).detach(terms.get(i));
                }
            }
            for (Linear layer : model.linears()) {
                Tensor changed = Term.of(layer, true).weight(layer.matrix());
                Tensor stored = layer.isTransposed() ? changed.transpose(0, 1) : changed;
                ParameterSlot slot = layer.slots().get(0);
                slot.substitute(new Parameter(slot.name() + ".other", stored.contiguous()));
            }
            results.add(model.hidden(BATCH));
            model.slots().forEach(slot -> slot.substitute(null));
            assertThat(model.isAdapted()).isFalse();
            assertThat(model.hidden(BATCH).toFloatArray()).containsExactly(before.toFloatArray());
            assertThat(results.get(0).sub(before).norm().item()).isGreaterThan(0.1);
            for (Tensor other : results.subList(1, 3)) {
                assertThat(other.sub(results.get(0)).abs().max().item()).isCloseTo(0, within(3e-4));
            }
        }
    }

    @Test
    void trainingSeesWhatIsAttachedAndNotWhatIsFrozen() throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve("llama"));
                Scope scope = Scope.open()) {
            List<Parameter> own = model.parameters();
            assertThat(model.trainable()).isEqualTo(own);
            Linear layer = model.linears().get(3);
            Term term = Term.of(layer, true);
            layer.attach(term);
            assertThat(model.parameters()).isEqualTo(own);
            assertThat(model.trainable()).hasSize(own.size() + 2).containsAll(term.parameters());
            own.forEach(parameter -> parameter.setTrainable(false));
            assertThat(model.trainable()).isEqualTo(term.parameters());
            ParameterSlot norm =
                    model.slots().stream()
                            .filter(slot -> slot.name().equals("model.norm.weight"))
                            .findFirst()
                            .orElseThrow();
            Parameter other = new Parameter("other", norm.own().value().copy());
            norm.substitute(other);
            assertThat(model.trainable()).containsExactly(term.a(), term.b(), other);
            assertThat(model.parameter("model.norm.weight")).isSameAs(norm.own());
            assertThatThrownBy(() -> model.save(folder))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("attached");
            try (CausalLm copy = model.copy()) {
                assertThat(copy.isAdapted()).isFalse();
            }
            Parameter wrong = new Parameter("wrong", Tensor.of(new float[3], 3));
            assertThatThrownBy(() -> norm.substitute(wrong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("model.norm.weight", "[48]");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "smollm2", "gpt2"})
    void embeddingAndHeadHaveAdaptersOfTheirOwnEvenWhenTheyShareAWeight(String name)
            throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve(name));
                Scope scope = Scope.open()) {
            Tensor before = model.hidden(BATCH);
            Embedding table = model.embeddings().get(0);
            EmbeddingAdapter twice =
                    new EmbeddingAdapter() {
                        @Override
                        public Tensor apply(Tensor ids, Tensor output) {
                            return output.mul(2);
                        }

                        @Override
                        public List<Parameter> parameters() {
                            return List.of();
                        }
                    };
            table.attach(twice);
            assertThat(model.hidden(BATCH).sub(before).norm().item()).isGreaterThan(0.01);
            table.detach(twice);
            assertThat(model.hidden(BATCH).toFloatArray()).containsExactly(before.toFloatArray());
            Tensor plain = model.head(before);
            Term term = Term.of(model.headLayer(), false);
            model.headLayer().attach(term);
            assertThat(model.hidden(BATCH).toFloatArray()).containsExactly(before.toFloatArray());
            Tensor adapted = model.head(before);
            assertThat(adapted.sub(plain).norm().item()).isGreaterThan(0.1);
            Tensor product = before.matmul(model.headMatrix().transpose(0, 1));
            assertThat(product.sub(adapted).abs().max().item()).isCloseTo(0, within(1e-3));
            assertThatThrownBy(model::headWeight)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(model.headLayer().name());
        }
    }

    @Test
    void aTrainingPassGoesBackThroughAdaptersOfTheHead() throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve("llama"));
                Scope scope = Scope.open()) {
            Term term = Term.of(model.headLayer(), false);
            model.headLayer().attach(term);
            model.parameters().forEach(parameter -> parameter.setTrainable(false));
            List<Parameter> trained = model.trainable();
            assertThat(trained).containsExactly(term.a(), term.b());
            trained.forEach(parameter -> parameter.value().requiresGrad(true));
            for (boolean checkpointing : new boolean[] {false, true}) {
                TrainingPass pass = TrainingPass.run(model, BATCH, trained, checkpointing);
                assertThat(pass.headIsTrained()).isTrue();
                Tensor upstream = Tensor.zerosLike(pass.headMatrix().detach()).add(1);
                Tensor none = Tensor.zerosLike(pass.hidden().detach());
                List<Tensor> gradients = pass.backward(none, upstream);
                // of the sum of all entries of B A / 2
                Tensor ofA = term.b().value().detach().sum(0, false).mul(0.5).reshape(2, 1);
                Tensor difference = gradients.get(0).sub(ofA);
                assertThat(difference.abs().max().item()).isCloseTo(0, within(1e-4));
                assertThat(gradients.get(1).norm().item()).isPositive();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2", "gemma2"})
    void weightsMayBeStoredInHalfPrecisionUnderAdaptersInSingle(String name) throws IOException {
        try (CausalLm model = Pretrained.load(ModelFolders.MODELS.resolve(name));
                Scope scope = Scope.open()) {
            model.parameters().forEach(parameter -> parameter.setTrainable(false));
            for (Linear layer : model.linears()) {
                layer.attach(Term.of(layer, true));
            }
            List<Tensor> results = new ArrayList<>();
            List<List<Tensor>> gradients = new ArrayList<>();
            for (boolean half : new boolean[] {false, true}) {
                for (ParameterSlot slot : model.slots()) {
                    Tensor rounded = slot.own().value().to(DType.BFLOAT16);
                    Tensor value = half ? rounded : rounded.to(DType.FLOAT32);
                    slot.substitute(new Parameter(slot.name() + ".h", value).setTrainable(false));
                }
                List<Parameter> trained = model.trainable();
                trained.forEach(parameter -> parameter.value().requiresGrad(true));
                TrainingPass pass = TrainingPass.run(model, BATCH, trained, half);
                results.add(pass.hidden().detach().copy());
                gradients.add(pass.backward(Tensor.zerosLike(pass.hidden().detach()).add(1)));
                trained.forEach(parameter -> parameter.value().requiresGrad(false));
                assertThat(model.head(results.get(0)).dtype()).isEqualTo(DType.FLOAT32);
            }
            assertThat(results.get(1).dtype()).isEqualTo(DType.FLOAT32);
            assertThat(results.get(1).toFloatArray())
                    .containsExactly(results.get(0).toFloatArray());
            for (int i = 0; i < gradients.get(0).size(); i++) {
                Tensor expected = gradients.get(0).get(i);
                Tensor difference = gradients.get(1).get(i).sub(expected);
                assertThat(difference.norm().item())
                        .isLessThanOrEqualTo(1e-5 * expected.norm().item() + 1e-6);
            }
        }
    }

    @Test
    void masksOfDropoutDependOnTheSeedAlone() {
        try (Scope scope = Scope.open()) {
            Tensor like = Tensor.of(new float[20_000], 100, 200);
            Tensor one = Kernels.call("dropout_mask", like, 0.25, 7L);
            assertThat(Kernels.call("dropout_mask", like, 0.25, 7L).toFloatArray())
                    .containsExactly(one.toFloatArray());
            assertThat(Kernels.call("dropout_mask", like, 0.25, 8L).toFloatArray())
                    .isNotEqualTo(one.toFloatArray());
            assertThat(one.mean().item()).isCloseTo(1, within(0.02));
            assertThat(one.max().item()).isCloseTo(1 / 0.75, within(1e-6));
        }
    }
}
