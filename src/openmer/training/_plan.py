"""How a set of trainings will run on the device at hand, decided before and saved with its results.

On CUDA the models are stacked and one step trains them all. On a CPU a stack only costs time and
memory (measured, see benchmarks), so there the jobs run side by side: one process per core, one
thread each, arrays shared, and long runs compiled; but heads on ready features are stacked there,
too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import Literal

import torch
from joblib import cpu_count

from openmer.config import Record
from openmer.errors import ConfigError
from openmer.training._adapt import has_depthwise
from openmer.training._flops import training_flops
from openmer.training._folds import FitJob
from openmer.training._kernel_methods import KernelTraining, SvmTraining
from openmer.training._memory import (
    bytes_per_model,
    default_budget_bytes,
    even_chunks,
    models_in_budget,
)
from openmer.training._network import NetworkSpec, build_network, trains_heads_alone

# Beyond this many floating-point operations a compiled step earns back its half minute.
COMPILE_FROM_FLOPS = 1e12
_GIB = 1 << 30
_PROCESS_BYTES = 700 << 20  # PyTorch itself, per worker process

Spec = NetworkSpec | SvmTraining | KernelTraining


class Resources(Record):
    """What a run may use; everything left at its default is chosen by the device.

    Attributes:
        device: ``auto`` takes CUDA where there is one.
        strategy: ``stacked`` (one step trains all models), ``side_by_side`` (processes), or
            ``one_by_one`` (a plain loop in this process, for comparison).
        workers: Processes of ``side_by_side``; 0 means one per core.
        memory_gib: Budget for models in training; 0 means four fifths of what is free.
        compiled: Whether single models run a compiled step.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    strategy: Literal["auto", "stacked", "side_by_side", "one_by_one"] = "auto"
    workers: int = 0
    memory_gib: float = 0.0
    compiled: Literal["auto", "always", "never"] = "auto"


class RunPlan(Record):
    """How a set of jobs will run; saved with its results.

    Attributes:
        device: ``cpu`` or ``cuda``.
        strategy: As in `Resources`, decided.
        workers: Processes.
        models_per_chunk: Models of one stack; 1 unless stacked.
        compiled: Whether steps are compiled.
        note: What a user should know about the choice; empty where there is nothing.
    """

    device: Literal["cpu", "cuda"]
    strategy: Literal["stacked", "side_by_side", "one_by_one"]
    workers: int = 1
    models_per_chunk: int = 1
    compiled: bool = False
    note: str = ""


def plan_run(spec: Spec, jobs: Sequence[FitJob], resources: Resources) -> RunPlan:
    """Decide how to run the jobs of one seed; the same question always gets the same answer.

    Raises:
        ConfigError: CUDA was asked for and there is none.
    """
    device = _device(resources.device)
    if isinstance(spec, KernelTraining):  # all folds share their kernels, in one process
        return RunPlan(device="cpu", strategy="one_by_one")
    if isinstance(spec, SvmTraining):
        workers = _workers(resources, len(jobs), _PROCESS_BYTES)
        if resources.strategy == "one_by_one":
            return RunPlan(device="cpu", strategy="one_by_one")
        return RunPlan(device="cpu", strategy="side_by_side", workers=workers)
    strategy = resources.strategy
    if strategy == "auto":
        # Heads on ready features are so small that Python takes most of a step on any device.
        alone = trains_heads_alone(spec) and bool(spec.training.all_stages)
        one_step = device == "cuda" or alone
        strategy = "stacked" if one_step else "side_by_side"
    if strategy == "stacked":
        budget = int(resources.memory_gib * _GIB) or default_budget_bytes(device)
        chunk = max(even_chunks(len(jobs), models_in_budget(spec, budget)))
        return RunPlan(device=device, strategy=strategy, models_per_chunk=chunk)
    compiled, note = _compiled(spec, list(jobs), resources)
    workers = 1
    if strategy == "side_by_side" and device == "cpu":
        workers = _workers(resources, len(jobs), _PROCESS_BYTES + bytes_per_model(spec))
    return RunPlan(device=device, strategy=strategy, workers=workers, compiled=compiled, note=note)


def _device(wanted: str) -> Literal["cpu", "cuda"]:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "Device 'cuda' was asked for, but PyTorch sees no CUDA device here. Use --device cpu, "
            "or check the driver with nvidia-smi."
        )
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _workers(resources: Resources, jobs: int, bytes_each: int) -> int:
    cores = resources.workers or cpu_count()
    budget = int(resources.memory_gib * _GIB) or default_budget_bytes("cpu")
    return max(1, min(cores, jobs, budget // bytes_each))


def _compiled(spec: NetworkSpec, jobs: list[FitJob], resources: Resources) -> tuple[bool, str]:
    if resources.compiled == "never":
        return False, ""
    if resources.compiled == "auto" and not _worth_compiling(spec, jobs):
        return False, ""
    if not compiler_at_hand():
        return False, "No C++ compiler found: training runs uncompiled, two to four times slower."
    return True, ""


def _worth_compiling(spec: NetworkSpec, jobs: list[FitJob]) -> bool:
    """Whether a run is long enough; depthwise convolutions train no faster compiled."""
    depthwise = has_depthwise(build_network(spec, seed=0))
    return not depthwise and training_flops(spec, jobs) >= COMPILE_FROM_FLOPS


def compiler_at_hand() -> bool:
    """Whether there is a C++ compiler for PyTorch to compile steps with."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++"))
