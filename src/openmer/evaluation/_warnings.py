"""What a reader of scores must be warned of, told from a run's record and its scores alone."""

from __future__ import annotations

from collections import Counter

import numpy as np

from openmer.evaluation._read_run import RunInfo
from openmer.evaluation._summary import Summary

ONE_CLASS = 0.9
"""Share of the answers above which one class has nearly all of them."""
MOTIONLESS = 0.05
"""Share of the clips above which those without motion are told."""


def warnings_of(info: RunInfo, summary: Summary) -> tuple[str, ...]:
    """Return a sentence for each thing that makes the scores worth less than they look.

    One class has more than 90 % of the answers; a score is within its interval of chance, unless
    labels were shuffled to have it there; more than 5 % of the clips show no motion; clips, or
    subjects with all their clips, could not be prepared.
    """
    found = [_one_class(summary), _motionless(info), _lost(info)]
    if not info.shuffled_labels:
        found += [_by_chance(summary, name, level) for name, level in _chance(summary).items()]
    return tuple(sentence for sentence in found if sentence)


def _one_class(summary: Summary) -> str:
    answers = np.array(summary.confusion).sum(axis=0)
    share = answers.max() / max(answers.sum(), 1)
    if share <= ONE_CLASS:
        return ""
    name = summary.classes[int(answers.argmax())]
    return f"{share:.0%} of the answers are {name!r}: the classes are hardly told apart."


def _chance(summary: Summary) -> dict[str, float]:
    """Return what scores come to when the same answers are dealt over the clips at random."""
    counts = np.array(summary.confusion, dtype=np.float64)
    truth, answers = counts.sum(axis=1), counts.sum(axis=0)
    seen = truth > 0
    f1 = 2 * truth * answers / np.maximum((truth + answers) * counts.sum(), 1)
    return {"uf1": float(f1[seen].mean()), "uar": 1 / int(seen.sum())}


def _by_chance(summary: Summary, name: str, level: float) -> str:
    found = summary.scores[name]
    low = found.value if found.low is None else found.low
    if low > level:
        return ""
    interval = "" if found.low is None else f" (95 % {found.low:.3f} to {found.high:.3f})"
    return (
        f"{name.upper()} {found.value:.3f}{interval} is not told apart from chance: the same "
        f"answers, dealt at random, come to {level:.3f}."
    )


def _motionless(info: RunInfo) -> str:
    if info.motionless <= MOTIONLESS * info.clips:
        return ""
    return (
        f"{info.motionless} of {info.clips} clips show no motion, as where onset and apex are one "
        "frame. Check their annotation."
    )


def _lost(info: RunInfo) -> str:
    """How many clips could not be prepared, and who has none left; empty where all could."""
    if not info.failures:
        return ""
    steps = sorted(Counter(failure["step"] for failure in info.failures).items())
    where = ", ".join(f"{count} at the step {step!r}" for step, count in steps)
    lost = ", ".join(info.lost_subjects)
    subjects = f" Lost with all their clips, and in no score: {lost}." if lost else ""
    return (
        f"{len(info.failures)} of {info.asked} clip{'' if info.asked == 1 else 's'} could not be "
        f"prepared: {where}. The scores are of the other {info.clips}.{subjects}"
    )
