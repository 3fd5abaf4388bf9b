"""lm-evaluation-harness on local JSON lines, CPU, float32: ARC-Easy, PIQA and LAMBADA.

The other side of `./retain4j evaluate`. Needs lm-eval==0.4.13, torch==2.7.1 and transformers; never
part of the build. Prompts are those of the harness's own tasks; only the place of the data differs.

usage: bench_evaluate.py MODEL DATA LIMIT BATCH OUT.json
DATA holds arc_easy.jsonl, piqa.jsonl (query, choices, gold) and lambada_openai.jsonl (context,
continuation). Prints one JSON line: scores, wall and CPU seconds of the run with loading, peak memory.
"""

import json
import os
import resource
import sys
import time

os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import lm_eval  # noqa: E402
import torch  # noqa: E402

model, data, limit, batch, out = sys.argv[1:6]
torch.set_num_threads(int(os.environ.get("BENCH_THREADS", os.cpu_count())))


def question(doc):
    text = doc["query"].strip()
    text = text[len("Question: ") :] if text.startswith("Question: ") else text
    return f"Question: {text}\nAnswer:"


def passage(doc):
    return doc["context"] + " " + doc["continuation"].strip()


def source(task):
    return {
        "task": task,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": os.path.join(data, task + ".jsonl")}},
        "test_split": "test",
    }


def choice(task):
    return {
        **source(task),
        "output_type": "multiple_choice",
        "doc_to_text": question,
        "doc_to_choice": lambda doc: doc["choices"],
        "doc_to_target": lambda doc: doc["gold"],
        "metric_list": [{"metric": m, "aggregation": "mean"} for m in ("acc", "acc_norm")],
    }


lambada = {
    **source("lambada_openai"),
    "output_type": "loglikelihood",
    "doc_to_text": lambda doc: passage(doc).rsplit(" ", 1)[0],
    "doc_to_target": lambda doc: " " + passage(doc).rsplit(" ", 1)[1],
    "metric_list": [
        {"metric": "perplexity", "aggregation": "perplexity"},
        {"metric": "acc", "aggregation": "mean"},
    ],
}

start = time.perf_counter()
found = lm_eval.simple_evaluate(
    model="hf",
    model_args={"pretrained": model, "dtype": "float32", "device": "cpu"},
    tasks=[choice("arc_easy"), choice("piqa"), lambada],
    batch_size=int(batch),
    limit=int(limit),
    log_samples=False,
    bootstrap_iters=0,
)
usage = resource.getrusage(resource.RUSAGE_SELF)
with open(out, "w", encoding="utf-8") as file:
    json.dump({key: found[key] for key in ("results", "versions", "n-samples")}, file, indent=2, default=str)
scores = {
    f"{task} {metric.split(',')[0]}": round(value, 6)
    for task, values in found["results"].items()
    for metric, value in values.items()
    if isinstance(value, float) and "stderr" not in metric
}
print(
    json.dumps(
        {
            "program": f"lm-eval {lm_eval.__version__} torch {torch.__version__}",
            "scores": scores,
            "seconds": round(time.perf_counter() - start, 1),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
            "peak_megabytes": round(usage.ru_maxrss / 1024),
        }
    )
)
