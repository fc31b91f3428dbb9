"""A small corpus of frames, and a small method that looks at apex frames without finding faces."""

from __future__ import annotations

import numpy as np
from PIL import Image

from openmer.datasets import read_manifest
from openmer.evaluation import Protocol, prepare_task
from openmer.methods import load_method

METHOD = """
name = "small"
title = "Small"
paper = "none"

[[recipe]]
step = "apex_frame"
size = 32

[model]
name = "efficient_me"
parameters = {{ depth = 1 }}
weights = "{weights}"

[training]
kind = "network"
epochs = 2
batch_size = 8
learning_rate = 1e-3
"""
WORDS = ("negative", "positive", "surprise")


def write_method(folder, weights=""):
    """A method file."""
    path = folder / "small.toml"
    path.write_text(METHOD.format(weights=weights))
    return path


def write_clips(folder, clips=12, subjects=4):
    """Clips of three random frames, and their manifest."""
    rng = np.random.default_rng(0)
    rows = ["corpus,subject,clip,label,frames,onset,apex,offset"]
    for i in range(clips):
        frames = folder / f"c{i}"
        frames.mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(frames / f"img{number}.png")
        rows.append(f"demo,s{i % subjects},c{i},{WORDS[i % 3]},c{i},0,1,2")
    path = folder / "manifest.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def images_task(folder):
    """The task of that method on these clips."""
    method = load_method(str(write_method(folder)))
    clips = read_manifest(write_clips(folder / "clips"))
    return prepare_task(method, clips, protocol=Protocol(), workers=1)
