package org.retain4j.merging;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.io.TensorInfo;
import org.retain4j.merging.method.FloatSource;
import org.retain4j.merging.method.Statistics;

/** The opened files with what a method must know about the models of a plan; none for most. */
final class MergeStatistics implements AutoCloseable {

    /** Metadata with the name under which the same matrix is stored, after the tensor's name. */
    static final String SAME_AS = "same_as.";

    private final MergePlan plan;
    private final Map<ModelReference, Weights> files = new LinkedHashMap<>();
    private final Map<Weights, Weights> byModel = new IdentityHashMap<>();

    private MergeStatistics(MergePlan plan) {
        this.plan = plan;
    }

    /** Opens the files that a plan names; relative paths start from a folder. */
    static MergeStatistics open(MergePlan plan, MergeInputs inputs, Path root) throws IOException {
        MergeStatistics statistics = new MergeStatistics(plan);
        if (plan.method.statistics() == Statistics.NONE) {
            return statistics;
        }
        try {
            for (Map.Entry<ModelReference, Weights> model : inputs.all().entrySet()) {
                Weights file = Weights.ofFile(statistics.path(model.getKey(), root));
                statistics.files.put(model.getKey(), file);
                statistics.byModel.put(model.getValue(), file);
            }
            return statistics;
        } catch (Throwable e) {
            statistics.close();
            throw e;
        }
    }

    private Path path(ModelReference model, Path root) throws MergeException {
        String kind = plan.method.statistics() == Statistics.FISHER ? "fisher" : "gram";
        String name = plan.statistics.get(model);
        Path file = null;
        try {
            file = name == null ? null : root.resolve(name);
        } catch (InvalidPathException e) {
            throw new MergeException(plan.file + ": " + name + " is no path of this system", e);
        }
        if (file == null || !Files.isRegularFile(file)) {
            throw new MergeException(
                    plan.file
                            + ": "
                            + plan.method.info().name()
                            + (file == null
                                    ? " needs statistics of "
                                    : " finds no file " + file + " with the statistics of ")
                            + model
                            + "; make them with merge statistics --kind "
                            + kind
                            + " and name the file as statistics in the parameters of the model");
        }
        return file;
    }

    Map<ModelReference, Weights> all() {
        return files;
    }

    /** Returns the statistics of all models at a tensor, none where no model has any. */
    List<FloatSource> of(List<MergeJob.Input> models, FloatReader reader) throws MergeException {
        List<FloatSource> sources = new ArrayList<>();
        if (models.stream().anyMatch(model -> model.rows() != null)) {
            // Rows of tokens have other places in the merged model than in the statistics.
            return sources;
        }
        MergeJob.Input without = null;
        for (MergeJob.Input model : models) {
            Weights file = byModel.get(model.weights());
            TensorInfo info = file == null ? null : find(file, model.info());
            if (file == null || info == null) {
                without = model;
            } else {
                sources.add(file.floats(info, reader));
            }
        }
        if (without != null && !sources.isEmpty()) {
            throw new MergeException(
                    plan.file
                            + ": the statistics of "
                            + without.weights().path()
                            + " lack "
                            + without.info().name()
                            + ", which those of other models have; make all with the same options");
        }
        return sources;
    }

    private @Nullable TensorInfo find(Weights file, TensorInfo tensor) throws MergeException {
        String name = file.metadata().getOrDefault(SAME_AS + tensor.name(), tensor.name());
        TensorInfo info = file.find(name);
        if (info == null) {
            return null;
        }
        List<Long> shape = tensor.shape();
        if (plan.method.statistics() == Statistics.GRAM) {
            long in = shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
            shape = List.of(in, in);
        }
        file.requireShape(info, shape, Path.of("a merge of " + tensor.name()));
        return info;
    }

    @Override
    public void close() throws IOException {
        for (Weights file : files.values()) {
            file.close();
        }
    }
}
