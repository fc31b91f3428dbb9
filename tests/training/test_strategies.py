"""The plan follows the device, the work and the memory, and nothing else."""

import os
import platform
from pathlib import Path

import pytest
import torch
from tests.builders import make_data, make_jobs, make_spec, make_subjects

from openmer.errors import ConfigError
from openmer.training import (
    Resources,
    SvmTraining,
    fit_groups,
    fit_jobs,
    freed_memory_kept,
    plan_run,
)
from openmer.training._flops import training_flops
from openmer.training._memory import (
    bytes_per_model,
    default_budget_bytes,
    even_chunks,
    models_in_budget,
)
from openmer.training._plan import COMPILE_FROM_FLOPS

JOBS = make_jobs(make_subjects())


def test_cpu_runs_side_by_side():
    plan = plan_run(make_spec(), JOBS, Resources(device="cpu", workers=2))
    assert (plan.strategy, plan.workers, plan.compiled) == ("side_by_side", 2, False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_that_is_not_there_is_one_clear_error():
    with pytest.raises(ConfigError, match="sees no CUDA device"):
        plan_run(make_spec(), JOBS, Resources(device="cuda"))


def test_long_runs_compile_and_short_ones_do_not():
    data = make_data(size=28)
    short = make_spec("ststnet", data, epochs=1)
    long = make_spec("ststnet", data, epochs=10**6)
    assert training_flops(short, JOBS) < COMPILE_FROM_FLOPS < training_flops(long, JOBS)
    assert not plan_run(short, JOBS, Resources(device="cpu")).compiled
    plan = plan_run(long, JOBS, Resources(device="cpu"))
    assert plan.compiled or "No C++ compiler" in plan.note


def test_flops_of_a_linear_layer_by_hand():
    data = make_data(size=8)
    spec = make_spec(data=data, epochs=5)
    multiplications = 192 * 48 + 48 * 3
    clips = sum(len(job.train) for job in JOBS)
    assert training_flops(spec, JOBS) == 3 * 2 * multiplications * clips * 5


def test_memory_budget_sets_the_chunk():
    data = make_data(size=28)
    spec = make_spec("ststnet", data, batch_size=64)
    each = bytes_per_model(spec)
    assert models_in_budget(spec, 3 * each + 1) == 3
    assert models_in_budget(spec, 1) == 1
    gib = 2.5 * each / (1 << 30)
    plan = plan_run(spec, JOBS, Resources(device="cpu", strategy="stacked", memory_gib=gib))
    assert plan.models_per_chunk == 2


def test_memory_of_a_model_follows_batch_and_size():
    small, large = make_data(size=28), make_data(size=56)
    assert bytes_per_model(make_spec("ststnet", small, batch_size=64)) == pytest.approx(
        2 * bytes_per_model(make_spec("ststnet", small, batch_size=32)), rel=0.1
    )
    assert bytes_per_model(make_spec("ststnet", large)) > 3 * bytes_per_model(
        make_spec("ststnet", small)
    )


@pytest.mark.parametrize(("count", "most"), [(7, 3), (6, 3), (1, 5), (68, 24)])
def test_chunks_are_few_and_even(count, most):
    sizes = even_chunks(count, most)
    assert sum(sizes) == count
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1


def test_chunked_stack_gives_the_results_of_one_stack():
    data = make_data()
    spec = make_spec(data=data)
    whole = plan_run(spec, JOBS, Resources(device="cpu", strategy="stacked", memory_gib=1))
    parts = whole.model_copy(update={"models_per_chunk": 2})
    assert whole.models_per_chunk == len(JOBS)
    for one, other in zip(
        fit_jobs(JOBS, spec, data, whole), fit_jobs(JOBS, spec, data, parts), strict=True
    ):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)


def test_a_support_vector_machine_runs_on_the_cpu():
    plan = plan_run(SvmTraining(kind="svm"), JOBS, Resources(workers=2))
    assert plan.device == "cpu"


def test_stopping_early_keeps_what_was_yielded():
    data = make_data()
    spec = make_spec(data=data)
    results = fit_jobs(JOBS, spec, data, plan_run(spec, JOBS, Resources(strategy="one_by_one")))
    first = next(results)
    results.close()
    assert first.job in JOBS


def test_memory_of_kept_files_may_be_used():
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        pytest.skip("only Linux says what is available")
    lines = meminfo.read_text().splitlines()
    available = next(int(line.split()[1]) << 10 for line in lines if "MemAvailable" in line)
    assert default_budget_bytes("cpu") == pytest.approx(0.8 * available, rel=0.2)


def faults_of(rounds):
    """Pages that the system maps again while large arrays come and go."""
    import resource  # not on every system

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.full((48 << 20,), 1, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident_bytes():
    """Memory that this process holds now; glibc means Linux, where this file exists."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do as they do")
def test_memory_that_a_step_frees_is_there_for_the_next_one():
    given_back = faults_of(60)  # many rounds: the first ones may have to find a place for the block
    with freed_memory_kept():
        faults_of(3)
        kept = faults_of(60)
        resident_inside = resident_bytes()
    assert given_back > 1000, "nothing was given back before: no test at all"
    assert kept < given_back / 20
    assert resident_inside - resident_bytes() > 40 << 20, "memory stays with the process"


@pytest.mark.parametrize("strategy", ["one_by_one", "side_by_side", "stacked"])
def test_groups_are_trained_as_each_would_be_alone(strategy):
    data = make_data()
    resources = Resources(device="cpu", strategy=strategy, workers=2)
    specs = [make_spec(data=data, batch_size=size) for size in (5, 9)]
    groups = list(zip(specs, (JOBS[:2], JOBS[2:4]), strict=True))
    plan = plan_run(specs[1], JOBS, resources)
    found = {
        (number, result.job.subject_id): result.weights_sha256
        for number, result in fit_groups(groups, data, plan)
    }
    assert found == {
        (number, result.job.subject_id): result.weights_sha256
        for number, (spec, jobs) in enumerate(groups)
        for result in fit_jobs(jobs, spec, data, plan)
    }


def test_features_are_made_once_for_groups_that_differ_in_budget_alone(monkeypatch):
    from openmer.training import _parallel as strategies

    made = []
    monkeypatch.setattr(strategies, "shared_features", lambda *_: made.append(1))
    data = make_data()
    changes = ({}, {"batch_size": 3}, {"learning_rate": 0.5}, {"epochs": 1, "weight_decay": 0.1})
    groups = [(make_spec(data=data, **change), JOBS[:1]) for change in changes]
    plan = plan_run(groups[0][0], JOBS, Resources(device="cpu", strategy="one_by_one"))
    shared = {}
    for _ in range(2):
        assert len(list(fit_groups(groups, data, plan, shared))) == 4
    assert len(made) == 1
    other = [(make_spec(data=data, standardize=True), JOBS[:1])]
    list(fit_groups(other, data, plan, shared))
    assert len(made) == 2
