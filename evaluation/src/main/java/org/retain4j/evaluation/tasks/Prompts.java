package org.retain4j.evaluation.tasks;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.retain4j.core.text.ChatRequest;
import org.retain4j.core.text.ChatTemplate;
import org.retain4j.core.text.jinja.TemplateException;

/** Puts description, examples and question together, plainly or in a chat template. */
final class Prompts {

    private final Task task;
    private final EvaluationOptions options;
    private final @Nullable ChatTemplate template;

    /**
     * Creates prompts.
     *
     * @param template the model's template, or null for plain prompts
     */
    Prompts(Task task, EvaluationOptions options, @Nullable ChatTemplate template) {
        this.task = task;
        this.options = options;
        this.template = template;
    }

    /** Returns what the model is asked about an item after some examples. */
    List<Request> requests(Item item, List<Item> examples) throws TaskException {
        if (template == null || item instanceof Item.Document) {
            StringBuilder prefix = new StringBuilder(item.description());
            examples.forEach(example -> prefix.append(shot(example)));
            return item.requests(prefix.toString(), task.delimiter(), task.decoding());
        }
        try {
            return chatRequests(item, examples, template);
        } catch (TemplateException e) {
            throw new TaskException(
                    "the model's chat template refuses a prompt of "
                            + task.name()
                            + ": "
                            + e.getMessage(),
                    e);
        }
    }

    private String shot(Item example) {
        return example.question() + task.delimiter() + example.answer() + task.shotDelimiter();
    }

    private List<Request> chatRequests(Item item, List<Item> examples, ChatTemplate chat)
            throws TemplateException {
        List<Map<String, String>> messages = new ArrayList<>();
        String system = options.system() + item.description();
        if (!system.isEmpty()) {
            messages.add(message("system", system));
        }
        StringBuilder question = new StringBuilder();
        for (Item example : examples) {
            if (options.multiturn()) {
                messages.add(message("user", example.question()));
                messages.add(message("assistant", example.answer()));
            } else {
                question.append(shot(example));
            }
        }
        List<Request> requests = new ArrayList<>();
        if (item instanceof Item.Choice choice && choice.isByContext()) {
            for (String context : choice.contexts()) {
                requests.add(
                        new Request.LogLikelihood(
                                rendered(chat, messages, question + context), item.answer()));
            }
            return requests;
        }
        String context = rendered(chat, messages, question + item.question());
        if (item instanceof Item.Choice choice) {
            // a template ends in white space of its own, so none stands before the answer
            choice.choices().forEach(c -> requests.add(new Request.LogLikelihood(context, c)));
        } else if (item instanceof Item.Continuation) {
            requests.add(new Request.LogLikelihood(context, item.answer()));
        } else {
            requests.add(new Request.Generate(context, task.decoding()));
        }
        return requests;
    }

    private static String rendered(
            ChatTemplate chat, List<Map<String, String>> messages, String question)
            throws TemplateException {
        List<Map<String, String>> all = new ArrayList<>(messages);
        all.add(message("user", question));
        return chat.render(ChatRequest.of(all).withGenerationPrompt());
    }

    private static Map<String, String> message(String role, String content) {
        return Map.of("role", role, "content", content);
    }
}
