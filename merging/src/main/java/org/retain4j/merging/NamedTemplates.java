package org.retain4j.merging;

import java.util.Map;
import java.util.Set;

/** Chat templates of well-known formats, by the names that a plan can use. */
final class NamedTemplates {

    private static final Map<String, String> ALL =
            Map.of(
                    "alpaca",
                    """
                    {%- for turn in messages -%}
                    {%- if turn.role == 'user' -%}
                    {{ '### Instruction:\\n' + turn.content + '\\n\\n' }}
                    {%- elif turn.role == 'assistant' -%}
                    {{ '### Response:\\n' + turn.content + '\\n\\n' }}
                    {%- else -%}
                    {{ turn.content + '\\n\\n' }}
                    {%- endif -%}
                    {%- endfor -%}
                    {%- if add_generation_prompt -%}
                    {{ '### Response:\\n' }}
                    {%- endif -%}
                    """,
                    "chatml",
                    """
                    {%- for turn in messages -%}
                    {{ '<|im_start|>' + turn.role + '\\n' + turn.content + '<|im_end|>\\n' }}
                    {%- endfor -%}
                    {%- if add_generation_prompt -%}
                    {{ '<|im_start|>assistant\\n' }}
                    {%- endif -%}
                    """,
                    "exaone",
                    """
                    {%- for turn in messages -%}
                    {%- if loop.first and turn.role != 'system' -%}
                    {{ '[|system|][|endofturn|]\\n' }}
                    {%- endif -%}
                    {{ '[|' + turn.role + '|]' + turn.content }}
                    {%- if turn.role != 'user' -%}
                    {{ '[|endofturn|]' }}
                    {%- endif -%}
                    {{ '\\n' }}
                    {%- endfor -%}
                    {%- if add_generation_prompt -%}
                    {{ '[|assistant|]' }}
                    {%- endif -%}
                    """,
                    "llama3",
                    """
                    {{- bos_token -}}
                    {%- for turn in messages -%}
                    {{ '<|start_header_id|>' + turn.role + '<|end_header_id|>\\n\\n' }}
                    {{- turn.content | trim + '<|eot_id|>' }}
                    {%- endfor -%}
                    {%- if add_generation_prompt -%}
                    {{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
                    {%- endif -%}
                    """,
                    "mistral",
                    """
                    {{- bos_token -}}
                    {%- set ns = namespace(system='') -%}
                    {%- for turn in messages -%}
                    {%- if turn.role == 'system' -%}
                    {%- set ns.system = turn.content + '\\n\\n' -%}
                    {%- elif turn.role == 'user' -%}
                    {{ '[INST] ' + ns.system + turn.content + ' [/INST]' }}
                    {%- set ns.system = '' -%}
                    {%- else -%}
                    {{ turn.content + eos_token }}
                    {%- endif -%}
                    {%- endfor -%}
                    """);

    private NamedTemplates() {}

    static Set<String> names() {
        return ALL.keySet();
    }

    /** Returns a template by name, or the text itself where it is no name. */
    static String of(String text) {
        return ALL.getOrDefault(text, text).strip();
    }
}
