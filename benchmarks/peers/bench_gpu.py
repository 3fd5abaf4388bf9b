"""Training, LoRA, decoding and Fisher of transformers + PEFT on one device, the other side of benchmarks/gpu/run.sh.

usage: bench_gpu.py TASK SHAPE DEVICE [--batch N] [--tokens N] [--steps N] [--new N] [--sequences N]
  TASK    full | lora | decode | fisher
  SHAPE   135m (SmolLM2-135M) | 1b (Llama 3.2 1B) | tiny (for a dry run); random weights
  DEVICE  cuda | cuda:N | cpu
Weights are float32; on CUDA training and Fisher run under autocast to bfloat16, decoding on bfloat16 weights.
Prints one JSON line: medians without the first step, and memory. Needs torch and transformers, lora needs peft.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import time

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

SHAPES = {
    "135m": dict(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
                 num_attention_heads=9, num_key_value_heads=3, rope_theta=100000.0),
    "1b": dict(vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16,
               num_attention_heads=32, num_key_value_heads=8, rope_theta=500000.0),
    "tiny": dict(vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                 num_attention_heads=4, num_key_value_heads=2, rope_theta=10000.0),
}


def device_megabytes(device):
    """Memory in use on the GPU by all programs, as the driver says: what the Java side reports too."""
    if device.type != "cuda":
        return 0
    out = subprocess.run(
        ["nvidia-smi", f"--id={device.index or 0}", "--query-gpu=memory.used", "--format=csv,noheader,nounits"],
        capture_output=True, text=True, check=False).stdout.strip()
    return int(out) if out.isdigit() else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["full", "lora", "decode", "fisher"])
    parser.add_argument("shape", choices=sorted(SHAPES))
    parser.add_argument("device")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--new", type=int, default=128)
    parser.add_argument("--sequences", type=int, default=256)
    a = parser.parse_args()
    device = torch.device(a.device)
    cuda = device.type == "cuda"
    torch.manual_seed(0)
    config = LlamaConfig(tie_word_embeddings=True, max_position_embeddings=8192, attn_implementation="sdpa",
                         **SHAPES[a.shape])
    model = LlamaForCausalLM(config).to(device)
    autocast = (lambda: torch.autocast("cuda", torch.bfloat16)) if cuda else contextlib.nullcontext

    def wait():
        if cuda:
            torch.cuda.synchronize(device)

    result = {"program": f"transformers {transformers.__version__} torch {torch.__version__}",
              "device": torch.cuda.get_device_name(device) if cuda else "cpu", "task": a.task, "shape": a.shape}
    ids = torch.randint(0, config.vocab_size, (a.batch, a.tokens), device=device)
    times = []
    if a.task == "decode":
        model = model.to(torch.bfloat16 if cuda else torch.float32).eval()
        for _ in range(max(2, a.steps)):
            wait()
            start = time.perf_counter()
            with torch.inference_mode():
                model.generate(ids, max_new_tokens=a.new, min_new_tokens=a.new, do_sample=False, pad_token_id=0)
            wait()
            times.append(time.perf_counter() - start)
        result["tokens_per_second"] = round(a.batch * a.new / statistics.median(times[1:]), 1)
    elif a.task == "fisher":
        squares = [torch.zeros_like(p) for p in model.parameters()]
        wait()
        start = time.perf_counter()
        for i in range(a.sequences):
            row = torch.randint(0, config.vocab_size, (1, a.tokens), device=device)
            with autocast():
                loss = model(input_ids=row, labels=row).loss
            loss.backward()
            for s, p in zip(squares, model.parameters()):
                s.addcmul_(p.grad, p.grad)
                p.grad = None
        wait()
        result["wall_seconds"] = round(time.perf_counter() - start, 3)
    else:
        if a.task == "lora":
            from peft import LoraConfig, get_peft_model

            model = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules="all-linear",
                                                     task_type="CAUSAL_LM"))
        model.train()
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
        for _ in range(a.steps):
            wait()
            start = time.perf_counter()
            with autocast():
                loss = model(input_ids=ids, labels=ids).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            wait()
            times.append(time.perf_counter() - start)
        result["wall_seconds"] = round(statistics.median(times[1:]), 4)
        result["tokens_per_second"] = round(a.batch * a.tokens / statistics.median(times[1:]), 1)
    result["device_megabytes"] = device_megabytes(device)
    if cuda:
        result["allocated_megabytes"] = round(torch.cuda.max_memory_allocated(device) / 2**20)
    print(json.dumps(result))


main()
