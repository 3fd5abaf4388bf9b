"""Share of the time in kernels and in the gaps between them, from a trace of `retain4j bench --profile FILE`.

usage: gaps.py FILE
Kernels are the events of the GPU; without any, the operators of the CPU stand for them.
"""

import collections
import json
import sys

with open(sys.argv[1]) as file:
    trace = json.load(file)
events = trace["traceEvents"] if isinstance(trace, dict) else trace
spans = [e for e in events if e.get("ph") == "X" and "dur" in e]
kernels = [e for e in spans if str(e.get("cat", "")).lower() in ("kernel", "gpu_memcpy", "gpu_memset")
           or "CUDA" in str(e.get("pid", ""))]
where = "GPU kernels"
if not kernels:
    kernels, where = spans, "operators of the CPU (no GPU events in the trace)"
if not kernels:
    sys.exit("the trace holds no events with a duration")
kernels.sort(key=lambda e: e["ts"])
start = kernels[0]["ts"]
end = max(e["ts"] + e["dur"] for e in kernels)
busy, last, gaps = 0.0, start, []
for e in kernels:
    if e["ts"] > last:
        gaps.append(e["ts"] - last)
    busy += max(0.0, e["ts"] + e["dur"] - max(last, e["ts"]))
    last = max(last, e["ts"] + e["dur"])
span = end - start
names = collections.Counter()
for e in kernels:
    names[e["name"]] += e["dur"]
print(f"{where}: {len(kernels)} events in {span / 1e3:.1f} ms, busy {100 * busy / span:.1f} %")
gaps.sort()
if gaps:
    print(f"{len(gaps)} gaps, {100 * sum(gaps) / span:.1f} % of the time, median {gaps[len(gaps) // 2]:.1f} us")
for name, time in names.most_common(12):
    print(f"  {100 * time / span:5.1f} %  {name[:90]}")
