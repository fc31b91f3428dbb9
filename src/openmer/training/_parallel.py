"""All folds at once: how a whole set of jobs runs on the device at hand.

On CUDA the models are stacked and one step trains them all. On a CPU a stack only costs time and
memory (measured, see benchmarks), so there the jobs run side by side: one process per core, one
thread each, arrays shared, and long runs compiled; but heads on ready features are stacked there,
too. A user never writes a loop over folds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import torch
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from torch import nn

from openmer._worker_files import shared_folder
from openmer.config import Record
from openmer.errors import ConfigError, OpenMERError
from openmer.models import builder_of, ensure_registered
from openmer.training._adapt import has_depthwise
from openmer.training._config import Stage
from openmer.training._folds import FitJob, FitResult, FloatArray, TrainingData, digest
from openmer.training._kernel import fit_kernel
from openmer.training._kernel_methods import KernelTraining, SvmTraining
from openmer.training._loop import fit
from openmer.training._memory import (
    bytes_per_model,
    default_budget_bytes,
    even_chunks,
    freed_memory_kept,
    models_in_budget,
    training_flops,
)
from openmer.training._network import (
    NetworkSpec,
    build_network,
    shared_features,
    trains_heads_alone,
)
from openmer.training._retrain import retrained
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner
from openmer.training._svm import fit_svm

# Beyond this many floating-point operations a compiled step earns back its half minute.
COMPILE_FROM_FLOPS = 1e12
_GIB = 1 << 30
_PROCESS_BYTES = 700 << 20  # PyTorch itself, per worker process
Spec = NetworkSpec | SvmTraining | KernelTraining
_LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"  # PyTorch's switch, read as a process starts


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


def fit_jobs(
    jobs: Sequence[FitJob], spec: Spec, data: TrainingData, plan: RunPlan
) -> Generator[FitResult, None, None]:
    """Train every job as planned; results come as they finish, in no promised order.

    Stopping the iteration early stops the workers; what was yielded is complete.
    """
    with contextlib.closing(fit_groups([(spec, jobs)], data, plan)) as results:
        for _, result in results:
            yield result


def fit_groups(
    groups: Sequence[tuple[Spec, Sequence[FitJob]]],
    data: TrainingData,
    plan: RunPlan,
    shared: dict[str, FloatArray | None] | None = None,
) -> Generator[tuple[int, FitResult], None, None]:
    """Train groups of jobs, each group by a specification of its own, as one set.

    Args:
        groups: Specifications of one kind of training, and their jobs.
        data: Arrays of them all.
        plan: How all of them run.
        shared: Where the features that jobs share are kept from call to call on the same data.

    Yields:
        The number of the group, and a result, as they finish; otherwise as `fit_jobs`.
    """
    known: dict[str, FloatArray | None] = {} if shared is None else shared
    yield from retrained(groups, lambda some: _fit_groups(some, data, plan, known))


def _fit_groups(
    groups: Sequence[tuple[Spec, Sequence[FitJob]]],
    data: TrainingData,
    plan: RunPlan,
    known: dict[str, FloatArray | None],
) -> Iterator[tuple[int, FitResult]]:
    ready = [_with_features(spec, data, plan.device, known) for spec, _ in groups]
    if plan.strategy == "stacked":
        for number, (spec, jobs) in enumerate(groups):
            for result in _stacked(jobs, spec, ready[number], plan):
                yield number, result
    elif plan.workers > 1:
        yield from _side_by_side(groups, ready, plan)
    else:
        with _one_thread(plan.device):
            yield from _one_by_one(groups, ready, plan)


def fit_carrying(
    jobs: Sequence[FitJob], spec: NetworkSpec, data: TrainingData, plan: RunPlan
) -> Generator[FitResult, None, None]:
    """Train fold after fold, each going on with the weights of the one before in its seed: a leak.

    Args:
        jobs: All folds of each seed, in order.
        spec: The network.
        data: Arrays to draw from.
        plan: From `plan_run`; of it the device counts.
    """
    plan = plan.model_copy(update={"strategy": "one_by_one", "workers": 1})
    token = _token(data)
    before: FitResult | None = None
    for job in jobs:
        start = before.state if before is not None and before.job.seed == job.seed else None
        with _one_thread(plan.device):
            before = _fit_one(replace(job, start=start, keep_state=True), spec, data, token, plan)
        yield replace(before, job=job, state=None)


def _one_by_one(
    groups: Sequence[tuple[Spec, Sequence[FitJob]]], ready: Sequence[TrainingData], plan: RunPlan
) -> Iterator[tuple[int, FitResult]]:
    for number, (spec, jobs) in enumerate(groups):
        token = _token(ready[number])
        for job in jobs:
            yield number, _fit_one(job, spec, ready[number], token, plan)


def _with_features(
    spec: Spec, data: TrainingData, device: str, known: dict[str, FloatArray | None]
) -> TrainingData:
    """Replace the data by features of the network's first parts, where all jobs share them."""
    if not isinstance(spec, NetworkSpec) or data.features is not None:
        return data
    key = _sharing(spec)
    if key not in known:
        known[key] = shared_features(spec, data, device)
    return data if known[key] is None else replace(data, features=known[key])


def _sharing(spec: NetworkSpec) -> str:
    """Write what shared features depend on: not on budgets, batches and step sizes."""
    stages = tuple(
        Stage(epochs=1, learning_rate=1.0, trainable=stage.trainable, frozen=stage.frozen)
        for stage in spec.training.all_stages[:1]
    )
    neutral = {"batch_size": 1, "weight_decay": 0.0, "epochs": 0, "learning_rate": 0.0}
    training = spec.training.model_copy(update={**neutral, "stages": stages})
    return spec.model_copy(update={"training": training}).model_dump_json()


def _side_by_side(
    groups: Sequence[tuple[Spec, Sequence[FitJob]]], ready: Sequence[TrainingData], plan: RunPlan
) -> Iterator[tuple[int, FitResult]]:
    """Every job in a process of its own, as many at once as the plan says."""
    # libsvm works outside Python's lock, so its folds share one process.
    threads = any(isinstance(spec, SvmTraining) for spec, _ in groups)
    # From its start on, so that one still loading PyTorch ends with its parent, too.
    end_with_parent = {"initializer": _end_with_parent, "initargs": (os.getpid(),)}
    place = {} if threads else {"temp_folder": str(shared_folder()), **end_with_parent}
    run = Parallel(
        n_jobs=plan.workers,
        backend="threading" if threads else "loky",
        return_as="generator_unordered",
        mmap_mode="c",
        **place,
    )
    tasks = []
    for number, (spec, jobs) in enumerate(groups):
        token = _token(ready[number])
        build = builder_of(spec.model.name) if isinstance(spec, NetworkSpec) else None
        work = delayed(_in_worker)
        tasks += [work(number, job, spec, ready[number], token, plan, build) for job in jobs]
    try:
        with _large_pages_offered():
            yield from run(tasks)
    except TerminatedWorkerError as error:
        raise OpenMERError(
            "A worker process was ended from outside, most often for want of memory. What was "
            "finished is kept: run the same command to go on, with fewer --workers."
        ) from error


@contextlib.contextmanager
def _large_pages_offered() -> Iterator[None]:
    """Let processes that start inside ask the system for large pages."""
    before = os.environ.get(_LARGE_PAGES)
    os.environ.setdefault(_LARGE_PAGES, "1")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_LARGE_PAGES, None)


def _stacked(
    jobs: Sequence[FitJob], spec: Spec, data: TrainingData, plan: RunPlan
) -> Iterator[FitResult]:
    if not isinstance(spec, NetworkSpec):
        raise ConfigError("Only networks can be stacked; leave the strategy to OpenMER.")
    learner = StackedLearner(spec, data, device=plan.device)
    start = 0
    for size in even_chunks(len(jobs), plan.models_per_chunk):
        yield from fit(jobs[start : start + size], learner, spec.training, data)
        start += size


def _in_worker(
    number: int,
    job: FitJob,
    spec: Spec,
    data: TrainingData,
    token: str,
    plan: RunPlan,
    build: Callable[..., nn.Module] | None,
) -> tuple[int, FitResult]:
    if isinstance(spec, NetworkSpec) and build:
        ensure_registered(spec.model.name, build)
        torch.set_num_threads(1)
    return number, _fit_one(job, spec, data, token, plan)


def _fit_one(job: FitJob, spec: Spec, data: TrainingData, token: str, plan: RunPlan) -> FitResult:
    if isinstance(spec, SvmTraining):
        return fit_svm(job, spec, data)
    if isinstance(spec, KernelTraining):
        return fit_kernel(job, spec, data)
    learner = _learner(_Arrays(data, token), spec.model_dump_json(), plan.device, plan.compiled)
    with freed_memory_kept():
        return fit([job], learner, spec.training, data)[0]


def _end_with_parent(parent: int) -> None:
    """End this worker process soon after the process `parent`, which started it, was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _token(data: TrainingData) -> str:
    """Name the arrays and the features made of them, for the learners in use."""
    features = {} if data.features is None else {"features": data.features}
    return data.token() + digest(features)[:16]


class _Arrays:
    """Training data that compares by its token, so that a learner is made once per process."""

    def __init__(self, data: TrainingData, token: str) -> None:
        self.data, self._token = data, token

    def __hash__(self) -> int:
        return hash(self._token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Arrays) and self._token == other._token


@lru_cache(maxsize=1)
def _learner(arrays: _Arrays, spec_json: str, device: str, compiled: bool) -> SingleLearner:
    spec = NetworkSpec.model_validate_json(spec_json)
    return SingleLearner(spec, arrays.data, device=device, compiled=compiled)


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


@contextlib.contextmanager
def _one_thread(device: str) -> Iterator[None]:
    """One PyTorch thread on the CPU, so that results do not depend on the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if device == "cpu" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
