"""Copies a model folder and adds noise to its weights, so that there is something to merge.

usage: perturb.py MODEL OUT SEED SHARE      SHARE is the noise in standard deviations of each tensor
"""

import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

source, target, seed, share = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
os.makedirs(target, exist_ok=True)
for name in os.listdir(source):
    path = os.path.join(source, name)
    if os.path.isfile(path) and not name.endswith(".safetensors"):
        shutil.copy(path, target)
generator = torch.Generator().manual_seed(seed)
weights = {}
for name, value in load_file(os.path.join(source, "model.safetensors")).items():
    exact = value.float()
    noise = torch.randn(exact.shape, generator=generator) * exact.std() * share
    weights[name] = (exact + noise).to(value.dtype).contiguous()
save_file(weights, os.path.join(target, "model.safetensors"), metadata={"format": "pt"})
