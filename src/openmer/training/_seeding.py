"""Every random number of a training comes from a generator made here, named by what it is for."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *words: object) -> int:
    """Return a 63-bit seed for one purpose: the same words give the same seed on every machine."""
    text = "/".join(str(word) for word in (seed, *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *words: object) -> np.random.Generator:
    """Return a NumPy generator for one purpose (``generator(0, "casme2/sub01", "batches", 3)``)."""
    return np.random.Generator(np.random.Philox(derive_seed(seed, *words)))


def dropout_key(seed: int, subject_id: str, moment: tuple[int, int]) -> tuple[int, int]:
    """Two signed 32-bit integers that name one step of one model's dropout.

    Args:
        seed: Seed of the run.
        subject_id: The held-out subject.
        moment: Epoch and step within it, which mean the same alone and in a stack.
    """
    bits = derive_seed(seed, subject_id, "dropout", *moment)
    return _signed(bits & 0xFFFFFFFF), _signed(bits >> 31 & 0xFFFFFFFF)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >= 1 << 31 else word
