package org.retain4j.finetune;

import java.util.ArrayList;
import java.util.List;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.model.TokenBatch;
import org.retain4j.core.nn.Parameter;
import org.retain4j.core.nn.Taps;
import org.retain4j.core.tensor.Autograd;
import org.retain4j.core.tensor.Kernels;
import org.retain4j.core.tensor.Scope;
import org.retain4j.core.tensor.Tensor;

/** Finds out where a number stopped being finite, once a step has gone wrong. */
final class Diagnosis {

    private static final int NAMED_ROWS = 8;

    private final CausalLm model;
    private final List<Parameter> parameters;

    Diagnosis(CausalLm model, List<Parameter> parameters) {
        this.model = model;
        this.parameters = parameters;
    }

    TrainingException ofLoss(long step, List<TrainRow> rows, double loss) {
        return new TrainingException(
                "step "
                        + (step + 1)
                        + ": the loss is "
                        + loss
                        + ", "
                        + where(step, rows)
                        + advice());
    }

    TrainingException ofGradient(long step, List<TrainRow> rows, List<Tensor> gradients) {
        String name = "all parameters together";
        for (int i = gradients.size() - 1; i >= 0; i--) {
            if (!gradients.get(i).allFinite()) {
                name = parameters.get(i).name();
            }
        }
        return new TrainingException(
                "step "
                        + (step + 1)
                        + ": the gradient of "
                        + name
                        + " is not finite, "
                        + where(step, rows)
                        + advice());
    }

    /**
     * Checks the weights that an update left, before they are saved over others.
     *
     * @param done steps done, the last of which made the weights
     * @throws TrainingException if one is not finite
     */
    void requireFiniteWeights(long done) {
        try (Scope scope = Scope.open()) {
            if (Kernels.call("global_norm", Parameter.values(parameters)).allFinite()) {
                return;
            }
        }
        for (Parameter weight : parameters) {
            if (!weight.value().allFinite()) {
                throw new TrainingException(
                        "step "
                                + done
                                + ": the weight "
                                + weight.name()
                                + " is not finite after the update; it is not saved"
                                + advice());
            }
        }
    }

    private static String advice() {
        return "; lower the learning rate or look at the data";
    }

    private String where(long step, List<TrainRow> rows) {
        long first = step * rows.size();
        try (Scope scope = Scope.open();
                Autograd.Mode mode = Autograd.noGrad()) {
            for (Parameter weight : model.parameters()) {
                if (!weight.value().allFinite()) {
                    return "because the weight "
                            + weight.name()
                            + " is not finite (rows "
                            + first
                            + " to "
                            + (first + rows.size() - 1)
                            + ")";
                }
            }
            List<String> broken = new ArrayList<>();
            String module = "";
            for (int r = 0; r < rows.size(); r++) {
                String found = firstModule(rows.get(r));
                if (!found.isEmpty()) {
                    broken.add(String.valueOf(first + r));
                    module = module.isEmpty() ? found : module;
                }
            }
            if (broken.isEmpty()) {
                return "although all weights and the states of rows "
                        + first
                        + " to "
                        + (first + rows.size() - 1)
                        + " are finite";
            }
            boolean more = broken.size() > NAMED_ROWS;
            return "although all weights are finite: first in the output of "
                    + module
                    + ", in rows "
                    + String.join(", ", broken.subList(0, Math.min(NAMED_ROWS, broken.size())))
                    + (more ? " and others" : "");
        }
    }

    /** Returns the first module whose output is not finite on a row; empty if all are. */
    private String firstModule(TrainRow row) {
        List<String> found = new ArrayList<>();
        Taps taps = new Taps();
        List<String> modules = new ArrayList<>();
        modules.add(model.spec().names().embedding());
        model.linears().forEach(linear -> modules.add(linear.name()));
        modules.add(model.spec().names().norm());
        for (String module : modules) {
            taps.onOutput(
                    module,
                    value -> {
                        if (found.isEmpty() && !value.allFinite()) {
                            found.add(module);
                        }
                        return value;
                    });
        }
        try (Scope scope = Scope.open()) {
            TokenBatch batch = TokenBatch.packed(List.of(row.ids()), List.of(row.starts()), 0);
            Tensor hidden = model.hidden(batch, taps);
            if (found.isEmpty() && !model.head(hidden).allFinite()) {
                return model.headWeight().name();
            }
        }
        return found.isEmpty() ? "" : found.get(0);
    }
}
