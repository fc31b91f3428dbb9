"""What the scheduler costs on a cluster of a thousand workers: measured here, then simulated.

    python benchmarks/simulated_cluster.py [--calls 2000] [--out results/simulated_cluster.md]

Measured: a scheduler and two workers of Dask as processes on loopback make calls that do nothing
but return the bytes of a fold; seconds for each call, with all that the command, the scheduler and
the worker do for it, are taken for the time that the scheduler is busy with it: more than it is.
How long a fold takes is in results/real_flow*.csv. Simulated: one scheduler serves calls in their
turn, before and after each; workers train for times that scatter about the mean. Projected: the
core hours of many subjects, seeds and methods, in proportion to folds and clips.
Needs the extra `cluster`.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import os
import random
import tempfile
import time
from collections import deque
from pathlib import Path

from cluster import cluster
from machine import processor

from openmer._dask_cluster import DaskCluster

RESULTS = Path(__file__).parent / "results"
TABLES = ("real_flow.csv", "real_flow_networks.csv")
FOLDS = 68  # of the composite that the tables were measured on
FOLD_BYTES = 20_000  # of scores, losses and weights' digest; a fold of STSTNet has 6,000
SPREAD = 0.3  # standard deviation of the logarithm of a fold's seconds


def measured_call_s(calls: int) -> float:
    """Return the seconds that a call takes which only returns bytes, on real processes."""
    with tempfile.TemporaryDirectory() as made, cluster(Path(made)) as address:
        asking = DaskCluster(f"dask:{address}")
        for _ in asking.run(bytes, [(FOLD_BYTES,)] * 50):
            pass
        began = time.perf_counter()
        for _ in asking.run(bytes, [(FOLD_BYTES,)] * calls):
            pass
        return (time.perf_counter() - began) / calls


def measured_fold_s() -> dict[str, float]:
    """Return core seconds of a fold for each method that has been measured on the real flow."""
    found: dict[str, float] = {}
    for table in TABLES:
        for row in csv.DictReader((RESULTS / table).read_text(encoding="utf-8").splitlines()):
            if (
                row["part"] == "full"
                and row["epoch_rule"] == "fixed"
                and row["protocol"] == "honest"
            ):
                cores = 2 * float(row["seconds"])  # at most: the tables were made on two cores
                found.setdefault(row["method"], cores / FOLDS / len(row["seeds"].split()))
    return found


def simulated_s(durations: list[float], workers: int, call_s: float) -> float:
    """Return when the last call ends that a scheduler serves, half before and half after each.

    A worker that has ended its call waits until the scheduler has taken the result and sent another
    one, so that nothing of what the scheduler does is hidden.
    """
    left = deque(durations)
    free_at = ended_at = 0.0
    busy: list[float] = []
    for _ in range(min(workers, len(left))):
        free_at += call_s / 2
        heapq.heappush(busy, free_at + left.popleft())
    while busy:
        free_at = max(free_at, heapq.heappop(busy)) + call_s / 2
        ended_at = free_at
        if left:
            free_at += call_s / 2
            heapq.heappush(busy, free_at + left.popleft())
    return ended_at


def rows(call_s: float, fold_s: float) -> list[str]:
    """Simulate a large study on ever more workers."""
    rng = random.Random(0)
    mean = [rng.lognormvariate(-(SPREAD**2) / 2, SPREAD) for _ in range(300_000)]
    durations = [fold_s * one for one in mean]
    lines = []
    for workers in (10, 100, 1_000, 10_000):
        free = simulated_s(durations, workers, 0.0)
        real = simulated_s(durations, workers, call_s)
        lines.append(
            f"| {fold_s:.1f} | {workers:,} | {sum(durations) / workers / 3600:.2f} | "
            f"{free / 3600:.2f} | {real / 3600:.2f} | {real / free - 1:.1%} |"
        )
    return lines


def main() -> None:
    """Measure, simulate and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=RESULTS / "simulated_cluster.md")
    given = parser.parse_args()
    call_s, folds = measured_call_s(given.calls), measured_fold_s()
    fold_s = folds["ststnet"]
    larger = 1_000 / FOLDS
    per_method = 1_000 * 10 * larger  # folds, times as many more clips in each
    hours = {name: seconds * per_method / 3600 for name, seconds in folds.items()}
    mean = sum(hours.values()) / len(hours)
    table = [f"| {name} | {folds[name]:.2f} | {hours[name]:,.0f} |" for name in sorted(folds)]
    text = f"""# A cluster of a thousand workers

    python benchmarks/simulated_cluster.py --calls {given.calls}

{processor()}; load {os.getloadavg()[0]:.0f}. **Measured**: {1000 * call_s:.1f} ms a call that
returns {FOLD_BYTES:,} bytes; scheduler, workers and command share {os.cpu_count()} cores.
**Simulated**: 300,000 folds (1,000 subjects, 10 seeds, 30 methods). A fold takes the core seconds
that STSTNet takes on the 442 clips, or that times {larger:.0f} as with 1,000 subjects. Hours until
all are done: the work divided by the workers, with a scheduler that costs nothing, and with this
one.

| seconds of a fold | workers | work / workers | free scheduler | this scheduler | overhead |
| ---: | ---: | ---: | ---: | ---: | ---: |
{chr(10).join(rows(call_s, fold_s) + rows(call_s, larger * fold_s))}

One scheduler is busy all the time where workers / seconds of a fold exceed {1 / call_s:,.0f}: send
stacks of folds (`--strategy stacked`) or use fewer workers then.

**Projected** core hours of one method on 1,000 subjects with as many clips each as the composite
has, 10 seeds, leave-one-subject-out: {larger:.0f} times the clips in each of 10,000 folds.

| method | core seconds of a fold, measured on 442 clips | core hours, projected |
| --- | ---: | ---: |
{chr(10).join(table)}

30 methods of their mean cost: {30 * mean:,.0f} core hours, projected; on 1,000 cores
{30 * mean / 1000:,.0f} hours.
"""
    given.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
