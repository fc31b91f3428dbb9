"""How much memory one model in training takes, how many fit a budget, and how it is used again."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from openmer.training._network import NetworkSpec, build_network, trains_heads_alone

_GIB = 1 << 30
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of mallopt(3)
_LARGEST_MAPPED = 32 << 20  # bytes; up to which glibc raises its threshold by itself
_NEVER = (1 << 31) - 1


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, memory that PyTorch frees on the CPU stays with the process for the next step.

    The C library of Linux gives a large block back at once, and each step asks for the same blocks
    again: the system then clears hundreds of megabytes, page by page, in every step of a network on
    large images. benchmarks/transfer.py has the times. No number changes. Elsewhere than with glibc
    it does nothing. Afterwards glibc has the thresholds that it would have found for large blocks
    by itself, and moves them no more.
    """
    library = _glibc()
    if library is None:
        yield
        return
    # Older glibc refuses so high a threshold, and keeps blocks up to its largest one.
    if not library.mallopt(_MMAP_THRESHOLD, 1 << 30):
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_MAPPED)
    library.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_MAPPED)
        library.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_MAPPED)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
        has_both = hasattr(library, "mallopt") and hasattr(library, "malloc_trim")
    except (OSError, TypeError):  # TypeError: Windows
        return None
    return library if has_both else None


def bytes_per_model(spec: NetworkSpec) -> int:
    """Memory of one model in one step: what autograd saves, its transient copies, and its weights.

    Counted, not timed: a forward pass of one clip on the CPU with a hook on every tensor that
    autograd keeps, times the batch size. Maps count four times (value, gradient, and what a stacked
    step holds for a moment), weights five times (value, gradient, two moments, one transient);
    benchmarks/growth.py compares the sum with what a process really grows by. Where heads alone
    are trained no map is made: the state, its best copy and a transient one.
    """
    network = build_network(spec, seed=0)
    if trains_heads_alone(spec):
        return sum(3 * value.nbytes for value in network.state_dict().values())
    clip = torch.zeros(2, *spec.input_shape)  # two clips: batch norm of a vector needs a spread
    seen: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        seen[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        logits = network(clip)
        F.cross_entropy(logits, torch.zeros(2, dtype=torch.long))
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    maps = max(0, sum(seen.values()) - weights) * spec.training.batch_size // 2
    return 4 * maps + 5 * weights


def default_budget_bytes(device: str) -> int:
    """Four fifths of the memory that is free on the device now."""
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info()
        return int(0.8 * free)
    return int(0.8 * (_available_bytes() or 4 * _GIB))


def _available_bytes() -> int:
    """Memory to be had without swapping, that of merely kept files included; 0 if unknown."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvail"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not every system can say
        return 0


def models_in_budget(spec: NetworkSpec, budget_bytes: int) -> int:
    """How many models of a stack fit the budget; at least one."""
    return max(1, budget_bytes // bytes_per_model(spec))


def even_chunks(count: int, most: int) -> list[int]:
    """Sizes of the fewest chunks of at most `most`, as equal as they can be."""
    chunks = math.ceil(count / most)
    return [count // chunks + (i < count % chunks) for i in range(chunks)]
