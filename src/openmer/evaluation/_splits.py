"""Folds: subjects held out one at a time, and subjects among the training ones that choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmer.errors import ProtocolError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One split of the clips, as indices into their order.

    Attributes:
        held_out: The subject whose clips are tested (`Clip.subject_id`), or the name of a group.
        train: Clips of everybody else.
        test: Clips of the subject, or of the group.
        seed: Of the only training of the fold; None where every seed trains it.
    """

    held_out: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    seed: int | None = None


def leave_one_subject_out(subjects: Sequence[str]) -> tuple[Fold, ...]:
    """One fold per subject, sorted by subject; compared for equality, never by substring."""
    everybody = sorted(set(subjects))
    if len(everybody) < 2:
        raise ProtocolError(
            f"Leave-one-subject-out needs two subjects or more, found {', '.join(everybody) or 0}. "
            "Check the subject column of the manifest."
        )
    return tuple(
        Fold(
            held_out=subject_id,
            train=tuple(i for i, other in enumerate(subjects) if other != subject_id),
            test=tuple(i for i, other in enumerate(subjects) if other == subject_id),
        )
        for subject_id in everybody
    )


def hold_out_inside(
    fold: Fold,
    subjects: Sequence[str],
    targets: Sequence[int],
    *,
    subjects_share: float,
    rng: np.random.Generator,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split a fold's training clips by subjects, to choose an epoch without the held-out subject.

    Subjects are drawn at random. Of 20 draws one is taken in which both sides have every class that
    the fold trains on, if there is any; among these, the one whose held-out clips have the classes
    in the shares that are nearest to those of all.

    Args:
        fold: The outer fold.
        subjects: `Clip.subject_id` of every clip.
        targets: Class index of every clip.
        subjects_share: Share of the training subjects to hold out, rounded, at least one.
        rng: Where the draw comes from.

    Returns:
        Clips to train on and clips that choose the epoch; no subject is on both sides, and the
        fold's own held-out subject is on neither.

    Raises:
        ProtocolError: The fold trains on one subject only.
    """
    inside = sorted({subjects[i] for i in fold.train})
    if len(inside) < 2:
        raise ProtocolError(
            f"The epoch rule 'inner' holds out subjects inside the training subjects, but fold "
            f"{fold.held_out} trains on {len(inside)} subject. Use the rule 'fixed'."
        )
    count = min(len(inside) - 1, max(1, round(subjects_share * len(inside))))
    drawn = []
    for _ in range(20):
        chosen = set(rng.choice(inside, size=count, replace=False).tolist())
        train = tuple(i for i in fold.train if subjects[i] not in chosen)
        drawn.append((train, tuple(i for i in fold.train if subjects[i] in chosen)))
    return min(drawn, key=lambda sides: _unlike(sides, targets))


def _unlike(
    sides: tuple[Sequence[int], Sequence[int]], targets: Sequence[int]
) -> tuple[int, float]:
    """How many classes a side lacks, and how far the shares of the held-out side are off."""
    train, held = (Counter(targets[i] for i in side) for side in sides)
    both = train + held
    lacking = sum((one not in train) + (one not in held) for one in both)
    off = sum(abs(held[c] / held.total() - both[c] / both.total()) for c in both)
    return lacking, off


def groups_inside(
    fold: Fold,
    subjects: Sequence[str],
    targets: Sequence[int],
    *,
    groups: int,
    rng: np.random.Generator,
) -> tuple[Fold, ...]:
    """Deal a fold's training subjects into groups, each held out once, to choose settings by.

    Subjects with many clips are dealt first, to the group with the fewest clips so far; among
    equals chance decides. Of 20 deals the first is taken in which every group leaves every class
    that the fold trains on to train on, else the last.

    Args:
        fold: The outer fold.
        subjects: `Clip.subject_id` of every clip.
        targets: Class index of every clip.
        groups: How many; fewer where there are fewer subjects.
        rng: Where the deal comes from.

    Returns:
        One fold per group; each training clip of the outer fold is tested once, and the outer
        fold's own held-out subject is nowhere.
    """
    inside = sorted({subjects[i] for i in fold.train})
    if len(inside) < 2:
        raise ProtocolError(
            f"A search holds out subjects inside the training subjects, but fold {fold.held_out} "
            f"trains on {len(inside)} subject. Give more subjects, or remove [search]."
        )
    classes = {targets[i] for i in fold.train}
    for _ in range(20):
        dealt = _deal(fold, subjects, min(groups, len(inside)), rng.permutation(inside).tolist())
        if all(classes == {targets[i] for i in part.train} for part in dealt):
            break
    return dealt


def _deal(
    fold: Fold, subjects: Sequence[str], groups: int, order: Sequence[str]
) -> tuple[Fold, ...]:
    """Subjects in an order, those with more clips first, each to the smallest group."""
    clips = Counter(subjects[i] for i in fold.train)
    sizes, group_of = [0] * groups, {}
    for subject_id in sorted(order, key=lambda one: -clips[one]):
        group_of[subject_id] = sizes.index(min(sizes))
        sizes[group_of[subject_id]] += clips[subject_id]
    return tuple(
        Fold(
            held_out=f"{fold.held_out} inner {group}",
            train=tuple(i for i in fold.train if group_of[subjects[i]] != group),
            test=tuple(i for i in fold.train if group_of[subjects[i]] == group),
        )
        for group in range(groups)
    )
