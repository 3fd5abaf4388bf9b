package org.retain4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.retain4j.cli.usage.UsageException;
import org.retain4j.merging.ChatVector;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Gives a continually pre-trained model what chat models learned. */
@Command(
        name = "chat-vector",
        description = {
            "Writes CONTINUED plus what chat models learned since BASE: θ + Σ r·(chat - base).",
            "The tokenizer is that of CONTINUED; the chat template and the end of a text are those"
                    + " of the last chat model.",
            ""
        },
        optionListHeading = "Options:%n",
        parameterListHeading = "Arguments:%n",
        sortOptions = false,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:done", "1:failed", "2:wrong usage"},
        footer = {
            "",
            "Examples:",
            "  retain4j merge chat-vector llama llama-ja out --chat llama-chat",
            "  retain4j merge chat-vector llama llama-ja out --chat a=0.5 --chat b=0.5 --skip-embed"
                    + " --special-tokens \"<|im_end|>\""
        })
final class MergeChatVectorCommand implements Callable<Integer> {

    private final Console console;

    @Parameters(
            index = "0",
            paramLabel = "BASE",
            description = "Model that the chat models and CONTINUED started from.")
    private String base = "";

    @Parameters(
            index = "1",
            paramLabel = "CONTINUED",
            description = "Model that was pre-trained further; its vocabulary may be larger.")
    private String continued = "";

    @Parameters(index = "2", paramLabel = "OUT", description = "New or empty folder.")
    private String out = "";

    @Option(
            names = "--chat",
            paramLabel = "DIR[=R]",
            required = true,
            description =
                    "Chat model and its ratio, 1 if left out; may be given several times. A smaller"
                            + " ratio helps where the answers slip into the base's language.")
    private List<String> chats = new ArrayList<>();

    @Option(
            names = "--skip-embed",
            description =
                    "Leave the embedding and the head of CONTINUED as they are. Default: the rows"
                            + " of tokens that all have get the vector too.")
    private boolean skipEmbedding;

    @Option(
            names = "--special-tokens",
            paramLabel = "TOKEN[=TOKEN],…",
            split = ",",
            description =
                    "With --skip-embed: tokens of CONTINUED, as texts or as #ID, whose rows become r"
                            + " times those of the chat model's tokens, the same ones if left out.")
    private List<String> specialTokens = new ArrayList<>();

    MergeChatVectorCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException {
        if (!skipEmbedding && !specialTokens.isEmpty()) {
            throw new UsageException("--special-tokens needs --skip-embed");
        }
        List<ChatVector.Chat> models = new ArrayList<>();
        for (String chat : chats) {
            int equals = chat.lastIndexOf('=');
            String name = equals < 0 ? chat : chat.substring(0, equals);
            double ratio = equals < 0 ? 1 : ratio(chat, chat.substring(equals + 1));
            models.add(new ChatVector.Chat(LoraCommand.folder(console, "--chat", name), ratio));
        }
        Map<String, String> tokens = new LinkedHashMap<>();
        for (String token : specialTokens) {
            int equals = token.indexOf('=', 1);
            String own = equals < 0 ? token : token.substring(0, equals);
            tokens.put(own, equals < 0 ? token : token.substring(equals + 1));
        }
        Path target = WeightOptions.emptyFolder("OUT", out);
        Path from = LoraCommand.folder(console, "BASE", base);
        Path to = LoraCommand.folder(console, "CONTINUED", continued);
        Map<Integer, Integer> rows =
                ChatVector.tokenRows(to, models.get(models.size() - 1).model(), tokens);
        new ChatVector(from, to, models, skipEmbedding, rows).run(target);
        console.result("wrote " + target + "\n");
        return ExitCode.OK;
    }

    private static double ratio(String chat, String text) {
        try {
            double ratio = Double.parseDouble(text);
            if (Double.isFinite(ratio)) {
                return ratio;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new UsageException("--chat: the ratio in " + chat + " is not a number");
    }
}
