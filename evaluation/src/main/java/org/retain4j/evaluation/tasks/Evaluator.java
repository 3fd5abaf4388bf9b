package org.retain4j.evaluation.tasks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.text.ChatTemplate;

/**
 * Runs tasks on a model.
 *
 * <p>Requests are sorted by length and run in batches, a context that several answers share is read
 * once, and answers that a {@link ResponseCache} holds are not computed again, so that a killed
 * evaluation goes on where it was. Items whose answer does not fit into the model are skipped and
 * counted. Immutable; for one thread where there is a cache, else safe for all threads as far as
 * the model is.
 */
public final class Evaluator {

    /** Is told how far an evaluation is. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Takes progress.
         *
         * @param task name of the task
         * @param done answered requests of it
         * @param total all requests of it
         */
        void progress(String task, long done, long total);
    }

    private final CausalLm model;
    private final EvaluationOptions options;
    private final @Nullable ResponseCache cache;
    private final Listener listener;

    private Evaluator(
            CausalLm model,
            EvaluationOptions options,
            @Nullable ResponseCache cache,
            Listener listener) {
        this.model = model;
        this.options = options;
        this.cache = cache;
        this.listener = listener;
    }

    /** Creates an evaluator; the model needs its tokenizer and is not closed by it. */
    public static Evaluator of(CausalLm model, EvaluationOptions options) {
        return new Evaluator(model, options, null, (task, done, total) -> {});
    }

    /** Returns an evaluator that keeps answers, which must be those of the same model. */
    public Evaluator withCache(ResponseCache answers) {
        return new Evaluator(model, options, answers, listener);
    }

    /** Returns an evaluator that tells how far it is. */
    public Evaluator withListener(Listener told) {
        return new Evaluator(model, options, cache, told);
    }

    /**
     * Runs a task.
     *
     * @throws TaskException if a row is not one of the task, examples are missing, the chat
     *     template is missing or refuses a prompt, or no item can be asked
     * @throws IllegalStateException if the model has no tokenizer
     */
    public TaskResult run(Task task, TaskData data) throws IOException {
        ChatTemplate template = template(task);
        EvaluationOptions own =
                options.withChat(template != null, options.multiturn(), options.system());
        ModelAnswers answers = new ModelAnswers(model, own, cache);
        List<Asked> asked = asked(task, data, new Prompts(task, own, template));
        List<Request> requests = new ArrayList<>();
        asked.forEach(one -> requests.addAll(one.requests()));
        List<Response> responses =
                answers.answer(
                        requests, done -> listener.progress(task.name(), done, requests.size()));
        return result(task, data, asked, responses, template != null);
    }

    /** A row, what it asks, and the requests that were made of it. */
    private record Asked(int index, Row row, Item item, List<Request> requests) {}

    private @Nullable ChatTemplate template(Task task) throws IOException {
        if (!options.chat() && !task.chatByDefault()) {
            return null;
        }
        try {
            return model.chatTemplate();
        } catch (IOException e) {
            if (!options.chat()) {
                return null;
            }
            throw new TaskException("the chat template was asked for, but " + e.getMessage(), e);
        }
    }

    private int shots(Task task) {
        if (task.output() == OutputType.LOGLIKELIHOOD_ROLLING) {
            return 0;
        }
        return options.shots().orElse(task.defaultShots());
    }

    private List<Asked> asked(Task task, TaskData data, Prompts prompts) throws TaskException {
        int shots = shots(task);
        List<Item> pool = new ArrayList<>();
        if (shots > 0 && task.fixedShots().isEmpty()) {
            for (Row row : data.shots()) {
                pool.add(task.item(row));
            }
            if (pool.isEmpty()) {
                throw new TaskException(
                        "%s puts %d examples before each question, but there is no data for them; give some, or ask for 0 examples"
                                .formatted(task.name(), shots));
            }
        }
        FewShot examples = new FewShot(task, pool, shots, data.fromItself(), options.seed());
        Map<String, Integer> taken = new HashMap<>();
        List<Asked> asked = new ArrayList<>();
        for (int i = 0; i < data.rows().size(); i++) {
            if (options.limit() > 0 && !task.isGrouped() && asked.size() == options.limit()) {
                break;
            }
            Row row = data.rows().get(i);
            Item item = task.item(row);
            int inGroup = taken.merge(task.isGrouped() ? item.group() : "", 1, Integer::sum);
            if (options.limit() > 0 && inGroup > options.limit()) {
                continue;
            }
            asked.add(new Asked(i, row, item, prompts.requests(item, examples.examples(item))));
        }
        return asked;
    }

    private TaskResult result(
            Task task, TaskData data, List<Asked> asked, List<Response> responses, boolean chat)
            throws TaskException {
        Scoring scoring = new Scoring(task, options.bootstraps());
        List<ItemResult> items = new ArrayList<>();
        Map<String, Integer> skipped = new TreeMap<>();
        int truncated = 0;
        int next = 0;
        for (Asked one : asked) {
            List<Response> own = responses.subList(next, next + one.requests().size());
            next += own.size();
            String problem = null;
            boolean cut = false;
            for (Response response : own) {
                problem = problem == null ? response.problem() : problem;
                cut |= response.truncated();
            }
            if (problem != null) {
                skipped.merge(problem, 1, Integer::sum);
                continue;
            }
            truncated += cut ? 1 : 0;
            items.add(scoring.score(one.index(), one.row(), one.item(), one.requests(), own));
        }
        if (items.isEmpty()) {
            throw new TaskException(
                    "no item of " + task.name() + " can be asked: " + skipped.keySet());
        }
        Map<String, List<MetricValue>> groups = task.isGrouped() ? scoring.groups(items) : Map.of();
        return new TaskResult(
                task,
                task.isGrouped() ? scoring.pooled(groups) : scoring.metrics(items),
                groups,
                data.rows().size(),
                shots(task),
                chat,
                truncated,
                skipped,
                items);
    }
}
