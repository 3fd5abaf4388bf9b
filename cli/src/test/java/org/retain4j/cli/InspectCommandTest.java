package org.retain4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.retain4j.core.model.Pretrained;

/** Models go by the same names as with the commands that load them. */
class InspectCommandTest {

    @TempDir Path folder;

    @Test
    void showsTheModelThatComesWithTheLibrary() throws IOException {
        Invocation text = Invocation.of("inspect", Pretrained.EMBEDDED);
        assertThat(text.exit()).as(text.err()).isZero();
        assertThat(text.out())
                .containsPattern("model folder +" + Pretrained.EMBEDDED + "\n")
                .containsPattern("tokenizer +BPE with 512 tokens");
        JsonNode json =
                new ObjectMapper()
                        .readTree(Invocation.of("inspect", Pretrained.EMBEDDED, "--json").out());
        assertThat(json.get("path").asText()).isEqualTo(Pretrained.EMBEDDED);
        assertThat(json.get("totalParameters").asLong()).isEqualTo(260_032);
        assertThat(json.get("tokenizerError").isNull()).isTrue();
    }

    @Test
    void whatIsNoModelIsSaidAsByOtherCommands() {
        for (String name : new String[] {"nowhere", "embedded:nothing", "a/b/c.txt"}) {
            Invocation run = Invocation.of("inspect", name);
            assertThat(run.exit()).isEqualTo(1);
            assertThat(run.err()).contains(name, Pretrained.EMBEDDED);
            assertThat(run.out()).isEmpty();
        }
        assertThat(Invocation.of("inspect", folder.resolve("x.safetensors").toString()).err())
                .contains("x.safetensors does not exist");
    }

    @Test
    void aBrokenTokenizerIsShownAndFails() throws IOException {
        Pretrained.writeEmbedded(folder);
        Files.writeString(folder.resolve("tokenizer.json"), "{\"model\":7}");
        Invocation run = Invocation.of("inspect", folder.toString());
        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.out())
                .containsPattern("tokenizer error +.*tokenizer.json")
                .contains("hidden_size", "model.embed_tokens.weight");
        assertThat(run.err()).contains("tokenizer.json", "model.vocab");
    }
}
