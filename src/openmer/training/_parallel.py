"""All folds at once: a whole set of jobs runs as its plan says; nobody writes a loop over folds.

In stacks, side by side in processes, one by one, or on the workers of an engine: the results have
the same bytes.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from joblib import Parallel, delayed
from torch import nn

from openmer import training as room  # for what needs scikit-learn, a second to import
from openmer._engine import Engine, current_engine
from openmer._workers import in_workers
from openmer.errors import ConfigError
from openmer.models import builder_of, ensure_registered
from openmer.training._config import Stage
from openmer.training._folds import FitJob, FitResult, FloatArray, TrainingData, digest
from openmer.training._kernel_methods import KernelTraining, SvmTraining
from openmer.training._loop import fit
from openmer.training._memory import even_chunks, freed_memory_kept
from openmer.training._network import NetworkSpec, shared_features
from openmer.training._plan import RunPlan, Spec
from openmer.training._retrain import retrained
from openmer.training._single import SingleLearner
from openmer.training._stacked import StackedLearner

_LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"  # PyTorch's switch, read as a process takes memory


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
    engine = current_engine()
    if not engine.is_local and not isinstance(groups[0][0], KernelTraining):
        yield from _on_engine(engine, groups, ready, plan)
    elif plan.strategy == "stacked":
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
    tasks = []
    for number, (spec, jobs) in enumerate(groups):
        token = _token(ready[number])
        build = builder_of(spec.model.name) if isinstance(spec, NetworkSpec) else None
        work = delayed(_in_worker)
        tasks += [work(number, job, spec, ready[number], token, plan, build) for job in jobs]
    if threads:
        run = Parallel(plan.workers, backend="threading", return_as="generator_unordered")
        yield from run(tasks)
        return
    # From its start on, so that one still loading PyTorch ends with its parent, too.
    end_with_parent = {"initializer": _end_with_parent, "initargs": (os.getpid(),)}
    how = {"mmap_mode": "c", **end_with_parent}
    with _large_pages_offered():
        yield from in_workers(tasks, plan.workers, ordered=False, how=how)


def _on_engine(
    engine: Engine,
    groups: Sequence[tuple[Spec, Sequence[FitJob]]],
    ready: Sequence[TrainingData],
    plan: RunPlan,
) -> Iterator[tuple[int, FitResult]]:
    """Every job, or every stack of jobs, as one call on the workers of an engine."""
    without_store = tuple(replace(data, store=None) for data in ready)
    specs = tuple(spec for spec, _ in groups)
    builds = tuple(builder_of(s.model.name) if isinstance(s, NetworkSpec) else None for s in specs)
    stack = plan.models_per_chunk if plan.strategy == "stacked" else 1
    calls = [(n, part) for n, (_, jobs) in enumerate(groups) for part in _parts(jobs, stack)]
    common = (specs, without_store, tuple(map(_token, without_store)), builds, plan)
    for number, results in engine.run(_in_cluster, calls, common, on_gpu=plan.device == "cuda"):
        for result in results:
            yield number, result


def _in_cluster(
    specs: Sequence[Spec],
    ready: Sequence[TrainingData],
    tokens: Sequence[str],
    builds: Sequence[Callable[..., nn.Module] | None],
    plan: RunPlan,
    number: int,
    jobs: Sequence[FitJob],
) -> tuple[int, list[FitResult]]:
    """Train some jobs of one group in a worker of an engine."""
    os.environ.setdefault(_LARGE_PAGES, "1")  # read where PyTorch first takes memory
    spec, data, build = specs[number], ready[number], builds[number]
    if isinstance(spec, NetworkSpec) and build:
        ensure_registered(spec.model.name, build)
    with _one_thread(plan.device):
        if plan.strategy == "stacked":
            return number, list(_stacked(jobs, spec, data, plan))
        return number, [_fit_one(job, spec, data, tokens[number], plan) for job in jobs]


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
    for part in _parts(jobs, plan.models_per_chunk):
        yield from fit(part, learner, spec.training, data, spec.units)


def _parts(jobs: Sequence[FitJob], most: int) -> Iterator[Sequence[FitJob]]:
    """Cut jobs into the fewest parts of at most `most`, in their order."""
    start = 0
    for size in even_chunks(len(jobs), most):
        yield jobs[start : start + size]
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
        return room.fit_svm(job, spec, data)
    if isinstance(spec, KernelTraining):
        return room.fit_kernel(job, spec, data)
    learner = _learner(_Arrays(data, token), spec.model_dump_json(), plan.device, plan.compiled)
    with freed_memory_kept():
        return fit([job], learner, spec.training, data, spec.units)[0]


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


@contextlib.contextmanager
def _one_thread(device: str) -> Iterator[None]:
    """One PyTorch thread on the CPU, so that results do not depend on the number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if device == "cpu" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
