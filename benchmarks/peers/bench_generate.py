"""Greedy decoding of transformers on the SmolLM2-135M shape, random weights, CPU.

The other side of `./retain4j bench --generate`. Needs torch==2.7.1 and transformers; never part of
the build.

usage: bench_generate.py BATCH PROMPT_TOKENS NEW_TOKENS RUNS [bf16]
prints one JSON line: median of new tokens a second of all rows, prompts included (the first run left
out), and peak memory
"""

import json
import os
import resource
import statistics
import sys
import time

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

batch, prompt, new, runs = map(int, sys.argv[1:5])
torch.manual_seed(0)
torch.set_num_threads(int(os.environ.get("BENCH_THREADS", os.cpu_count())))
model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
        max_position_embeddings=8192,
        rope_theta=100000.0,
        attn_implementation="sdpa",
    )
).eval()
if sys.argv[5:] == ["bf16"]:
    model = model.to(torch.bfloat16)
ids = torch.randint(0, 49152, (batch, prompt))
speeds = []
for _ in range(runs):
    start = time.perf_counter()
    with torch.no_grad():
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=new,
            min_new_tokens=new,
            pad_token_id=0,
        )
    speeds.append(batch * new / (time.perf_counter() - start))
print(
    json.dumps(
        {
            "program": f"transformers {transformers.__version__} torch {torch.__version__}",
            "tokens_per_second": round(statistics.median(speeds[1:]), 3),
            "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
    )
)
