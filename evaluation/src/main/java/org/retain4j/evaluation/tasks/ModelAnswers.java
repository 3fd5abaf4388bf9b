package org.retain4j.evaluation.tasks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.generate.Generation;
import org.retain4j.core.generate.GenerationConfig;
import org.retain4j.core.generate.Generator;
import org.retain4j.core.generate.Sampling;
import org.retain4j.core.io.Sha256;
import org.retain4j.core.model.CausalLm;
import org.retain4j.core.text.Tokenizer;
import org.retain4j.evaluation.scoring.PromptPair;
import org.retain4j.evaluation.scoring.ScoreRequest;

/**
 * Asks a model many requests: sorted by length, in batches, a shared context read once, and none
 * twice that a cache knows.
 *
 * <p>Requests are taken in windows, so that memory does not grow with their number. Batches change
 * no log-likelihood by more than 1e-4. Immutable but for its cache; for one thread.
 */
final class ModelAnswers {

    /** Told how many requests are answered. */
    interface Progress {
        void answered(long done);
    }

    private static final int WINDOW = 4096;

    private final CausalLm model;
    private final Tokenizer tokenizer;
    private final EvaluationOptions options;
    private final @Nullable ResponseCache cache;
    private final int maxLength;

    ModelAnswers(CausalLm model, EvaluationOptions options, @Nullable ResponseCache cache) {
        this.model = model;
        this.tokenizer = model.tokenizer();
        this.options = options;
        this.cache = cache;
        maxLength = Math.min(options.maxLength(), model.spec().maxPositions());
    }

    int maxLength() {
        return maxLength;
    }

    /** Answers requests in their order. */
    List<Response> answer(List<Request> requests, Progress progress) throws IOException {
        Response[] responses = new Response[requests.size()];
        for (int start = 0; start < requests.size(); start += WINDOW) {
            int end = Math.min(requests.size(), start + WINDOW);
            new Window(requests, responses, start, end, progress).run();
        }
        return Arrays.asList(responses);
    }

    /** A part of the requests and of the responses. */
    private final class Window {
        private final List<Request> requests;
        private final Response[] responses;
        private final int start;
        private final int end;
        private final Progress progress;
        private final Map<String, List<Integer>> byKey = new LinkedHashMap<>();
        private final String[] keys;
        private long done;

        Window(
                List<Request> requests,
                Response[] responses,
                int start,
                int end,
                Progress progress) {
            this.requests = requests;
            this.responses = responses;
            this.start = start;
            this.end = end;
            this.progress = progress;
            done = start;
            keys = new String[end - start];
        }

        void run() throws IOException {
            Map<Integer, Response> answered = new LinkedHashMap<>();
            List<Integer> likelihoods = new ArrayList<>();
            List<Integer> rolling = new ArrayList<>();
            List<Integer> generations = new ArrayList<>();
            for (int i = start; i < end; i++) {
                String key = key(requests.get(i));
                keys[i - start] = key;
                List<Integer> same = byKey.computeIfAbsent(key, k -> new ArrayList<>());
                same.add(i);
                if (same.size() > 1) {
                    continue;
                }
                Response known = cache == null ? null : cache.find(key).orElse(null);
                if (known != null) {
                    answered.put(i, known);
                    continue;
                }
                Request request = requests.get(i);
                if (request instanceof Request.LogLikelihood) {
                    likelihoods.add(i);
                } else if (request instanceof Request.Rolling) {
                    rolling.add(i);
                } else {
                    generations.add(i);
                }
            }
            answered.forEach(this::give);
            score(likelihoods, rolling);
            generate(generations);
        }

        private void give(int request, Response response) {
            for (int same : byKey.getOrDefault(keys[request - start], List.of(request))) {
                responses[same] = response;
                done++;
            }
            progress.answered(done);
        }

        /** Scores rows of tokens; a document has several, which are summed. */
        private void score(List<Integer> likelihoods, List<Integer> rolling) throws IOException {
            List<ScoreRequest> rows = new ArrayList<>();
            List<Integer> owners = new ArrayList<>();
            Map<Integer, Integer> missing = new LinkedHashMap<>();
            Map<Integer, Response> sums = new LinkedHashMap<>();
            for (int i : likelihoods) {
                Request.LogLikelihood request = (Request.LogLikelihood) requests.get(i);
                try {
                    ScoreRequest whole =
                            new PromptPair(request.context(), request.continuation())
                                    .encode(tokenizer, options.addSpecialTokens());
                    boolean truncated = whole.ids().length > maxLength + 1;
                    ScoreRequest row = cut(whole);
                    rows.add(row);
                    owners.add(i);
                    missing.put(i, 1);
                    sums.put(i, Response.likelihood(0, true, truncated));
                } catch (IllegalArgumentException e) {
                    give(i, Response.skipped(String.valueOf(e.getMessage())));
                }
            }
            for (int i : rolling) {
                try {
                    List<ScoreRequest> windows =
                            windows(((Request.Rolling) requests.get(i)).text());
                    windows.forEach(
                            window -> {
                                rows.add(window);
                                owners.add(i);
                            });
                    missing.put(i, windows.size());
                    sums.put(i, Response.likelihood(0, true, false));
                } catch (IllegalArgumentException e) {
                    give(i, Response.skipped(String.valueOf(e.getMessage())));
                }
            }
            LikelihoodRunner runner =
                    new LikelihoodRunner(model, options.batchTokens(), options.batchRows());
            runner.run(
                    rows,
                    (finished, found) -> {
                        List<Map.Entry<String, Response>> kept = new ArrayList<>();
                        for (int row : finished) {
                            int owner = owners.get(row);
                            Response before = Objects.requireNonNull(sums.get(owner));
                            sums.put(
                                    owner,
                                    Response.likelihood(
                                            before.logLikelihood() + found[row].logLikelihood(),
                                            before.greedy() && found[row].greedy(),
                                            before.truncated()));
                            if (missing.merge(owner, -1, Integer::sum) == 0) {
                                finish(owner, sums.get(owner), kept);
                            }
                        }
                        keep(kept);
                    });
        }

        private void finish(int request, Response response, List<Map.Entry<String, Response>> kept)
                throws IOException {
            if (!Double.isFinite(response.logLikelihood())) {
                throw new TaskException(
                        "the model gives the log-likelihood "
                                + response.logLikelihood()
                                + " to \""
                                + shortened(requests.get(request))
                                + "\"; are its weights damaged, or is the precision too low?");
            }
            kept.add(Map.entry(keys[request - start], response));
            give(request, response);
        }

        private void keep(List<Map.Entry<String, Response>> answers) throws IOException {
            if (cache != null && !answers.isEmpty()) {
                cache.put(answers);
            }
        }

        private void generate(List<Integer> generations) throws IOException {
            List<Prompt> prompts = new ArrayList<>();
            for (int i : generations) {
                Request.Generate request = (Request.Generate) requests.get(i);
                int[] ids;
                try {
                    ids = tokenizer.encode(request.context(), options.addSpecialTokens());
                } catch (IllegalArgumentException e) {
                    give(i, Response.skipped(String.valueOf(e.getMessage())));
                    continue;
                }
                int room = maxLength - request.decoding().maxTokens();
                if (ids.length == 0) {
                    give(i, Response.skipped("the prompt has no token"));
                } else if (room < 1) {
                    give(i, Response.skipped(noRoom(request.decoding())));
                } else {
                    boolean cut = ids.length > room;
                    int[] kept = cut ? Arrays.copyOfRange(ids, ids.length - room, ids.length) : ids;
                    prompts.add(new Prompt(i, kept, cut, request.decoding()));
                }
            }
            // all answers of a batch end by the same rules; the longest prompts come first
            prompts.sort(
                    Comparator.comparing((Prompt prompt) -> prompt.decoding().toString())
                            .thenComparing(prompt -> -prompt.ids().length));
            for (int next = 0; next < prompts.size(); ) {
                Prompt first = prompts.get(next);
                int longest = first.ids().length + first.decoding().maxTokens();
                int most =
                        Math.max(1, Math.min(options.batchRows(), options.batchTokens() / longest));
                int last = next;
                while (last < prompts.size()
                        && last - next < most
                        && prompts.get(last).decoding().equals(first.decoding())) {
                    last++;
                }
                generateBatch(prompts.subList(next, last));
                next = last;
            }
        }

        private void generateBatch(List<Prompt> batch) throws IOException {
            Decoding decoding = batch.get(0).decoding();
            List<Generation> texts = written(batch.stream().map(Prompt::ids).toList(), decoding);
            List<Map.Entry<String, Response>> kept = new ArrayList<>();
            for (int b = 0; b < batch.size(); b++) {
                String text = cutAt(texts.get(b).text(), decoding.until());
                Response response = Response.generated(text, batch.get(b).cut());
                int request = batch.get(b).request();
                kept.add(Map.entry(keys[request - start], response));
                give(request, response);
            }
            keep(kept);
        }
    }

    /** A prompt that waits for its answer. */
    private record Prompt(int request, int[] ids, boolean cut, Decoding decoding) {}

    private String noRoom(Decoding decoding) {
        return "the model's %d positions leave no room for a prompt before %d new tokens"
                .formatted(maxLength, decoding.maxTokens());
    }

    private List<Generation> written(List<int[]> prompts, Decoding decoding) {
        Generator generator = new Generator(model, Sampling.greedy());
        GenerationConfig config =
                generator.config(decoding.maxTokens()).withStopStrings(decoding.until());
        return generator.run(prompts, config);
    }

    /** Cuts at the first occurrence of each stop text, in their order. */
    private static String cutAt(String text, List<String> stops) {
        String rest = text;
        for (String stop : stops) {
            int at = rest.indexOf(stop);
            rest = at < 0 ? rest : rest.substring(0, at);
        }
        return rest;
    }

    private ScoreRequest cut(ScoreRequest row) {
        if (row.counted() > maxLength) {
            throw new IllegalArgumentException(
                    "the answer has "
                            + row.counted()
                            + " tokens, more than the model's "
                            + maxLength
                            + " positions");
        }
        return row.cutLeft(maxLength + 1);
    }

    /** Cuts a document so that every token is predicted once, as the harness does. */
    List<ScoreRequest> windows(String text) {
        int[] ids = tokenizer.encode(text, options.addSpecialTokens());
        if (ids.length == 0) {
            throw new IllegalArgumentException("the document has no token");
        }
        OptionalInt start = tokenizer.bosId();
        int prefix =
                (start.isPresent() ? start : tokenizer.eosId())
                        .orElseThrow(
                                () ->
                                        new IllegalArgumentException(
                                                "the tokenizer has neither a start nor an end"
                                                        + " token to begin a document with"));
        int[] all = new int[ids.length + 1];
        all[0] = prefix;
        System.arraycopy(ids, 0, all, 1, ids.length);
        List<ScoreRequest> rows = new ArrayList<>();
        for (int next = 1; next < all.length; next += maxLength) {
            int end = Math.min(all.length, next + maxLength);
            int first = Math.max(0, end - maxLength - 1);
            rows.add(new ScoreRequest(Arrays.copyOfRange(all, first, end), next - first));
        }
        return rows;
    }

    private String key(Request request) {
        String text;
        if (request instanceof Request.LogLikelihood pair) {
            text = length(pair.context()) + pair.context() + pair.continuation();
        } else if (request instanceof Request.Generate generate) {
            text =
                    generate.decoding().maxTokens()
                            + " "
                            + generate.decoding().until().stream()
                                    .map(ModelAnswers::lengthAnd)
                                    .toList()
                            + generate.context();
        } else {
            text = ((Request.Rolling) request).text();
        }
        String all =
                request.type() + " " + maxLength + " " + options.addSpecialTokens() + " " + text;
        return Sha256.of(all.getBytes(StandardCharsets.UTF_8)).substring(0, 32);
    }

    private static String length(String text) {
        return text.length() + ":";
    }

    private static String lengthAnd(String text) {
        return length(text) + text;
    }

    private static String shortened(Request request) {
        String text = request.context();
        return text.length() <= 80 ? text : text.substring(0, 80) + "…";
    }
}
