"""Training steps of transformers (eager PyTorch) on the SmolLM2-135M shape, random weights, CPU.

The other side of `./retain4j bench`. Needs torch==2.7.1 and transformers; never part of the build.

usage: bench_train.py BATCH TOKENS STEPS [ckpt] [lora]
lora needs peft: rank 8 on all linear layers
prints one JSON line: medians of wall and CPU seconds a step (the first step left out), peak memory
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

batch, tokens, steps = map(int, sys.argv[1:4])
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
)
model.train()
if "ckpt" in sys.argv[4:]:
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
if "lora" in sys.argv[4:]:
    from peft import LoraConfig, get_peft_model

    if "ckpt" in sys.argv[4:]:
        model.enable_input_require_grads()
    model = get_peft_model(
        model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    )
parameters = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
ids = torch.randint(0, 49152, (batch, tokens))
wall, cpu = [], []
for _ in range(steps):
    started, used = time.perf_counter(), time.process_time()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    wall.append(time.perf_counter() - started)
    cpu.append(time.process_time() - used)
print(
    json.dumps(
        {
            "program": f"transformers {transformers.__version__} torch {torch.__version__}",
            "wall_seconds": round(statistics.median(wall[1:]), 3),
            "cpu_seconds": round(statistics.median(cpu[1:]), 3),
            "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "loss": round(loss.item(), 4),
        }
    )
)
