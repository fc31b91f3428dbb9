"""Folds: one person held out at a time, and persons inside the training persons that choose."""

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
        held_out: The person whose clips are tested (`Clip.person`).
        train: Clips of everybody else.
        test: Clips of the person.
    """

    held_out: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def leave_one_subject_out(persons: Sequence[str]) -> tuple[Fold, ...]:
    """One fold per person, sorted by person; compared for equality, never by substring.

    Args:
        persons: `Clip.person` of every clip.

    Raises:
        ProtocolError: There is one person only, so nobody would be left to train on.
    """
    everybody = sorted(set(persons))
    if len(everybody) < 2:
        raise ProtocolError(
            f"Leave-one-subject-out needs at least two persons; found {', '.join(everybody) or 0}. "
            "Check the subject column of the manifest."
        )
    return tuple(
        Fold(
            held_out=person,
            train=tuple(i for i, other in enumerate(persons) if other != person),
            test=tuple(i for i, other in enumerate(persons) if other == person),
        )
        for person in everybody
    )


def hold_out_inside(
    fold: Fold,
    persons: Sequence[str],
    targets: Sequence[int],
    *,
    persons_share: float,
    rng: np.random.Generator,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split a fold's training clips by persons, to choose an epoch without the held-out person.

    Persons are drawn at random; of 20 draws the first is taken in which both sides have every
    class that the fold trains on, else the last.

    Args:
        fold: The outer fold.
        persons: `Clip.person` of every clip.
        targets: Class index of every clip.
        persons_share: Share of the training persons to hold out, rounded, at least one.
        rng: Where the draw comes from.

    Returns:
        Clips to train on and clips that choose the epoch; no person is on both sides, and the
        fold's own held-out person is on neither.

    Raises:
        ProtocolError: The fold trains on one person only.
    """
    inside = sorted({persons[i] for i in fold.train})
    if len(inside) < 2:
        raise ProtocolError(
            f"The epoch rule 'inner' holds out persons inside the training persons, but fold "
            f"{fold.held_out} trains on {len(inside)} person. Use the rule 'fixed'."
        )
    count = min(len(inside) - 1, max(1, round(persons_share * len(inside))))
    classes = {targets[i] for i in fold.train}
    for _ in range(20):
        chosen = set(rng.choice(inside, size=count, replace=False).tolist())
        train = tuple(i for i in fold.train if persons[i] not in chosen)
        watched = tuple(i for i in fold.train if persons[i] in chosen)
        if classes == {targets[i] for i in train} == {targets[i] for i in watched}:
            break
    return train, watched


def groups_inside(
    fold: Fold,
    persons: Sequence[str],
    targets: Sequence[int],
    *,
    groups: int,
    rng: np.random.Generator,
) -> tuple[Fold, ...]:
    """Deal a fold's training persons into groups, each held out once, to choose settings by.

    Persons with many clips are dealt first, to the group with the fewest clips so far; among equals
    chance decides. Of 20 deals the first is taken in which every group leaves every class that the
    fold trains on to train on, else the last.

    Args:
        fold: The outer fold.
        persons: `Clip.person` of every clip.
        targets: Class index of every clip.
        groups: How many; fewer where there are fewer persons.
        rng: Where the deal comes from.

    Returns:
        One fold per group; each training clip of the outer fold is tested once, and the outer
        fold's own held-out person is nowhere.

    Raises:
        ProtocolError: The fold trains on one person only.
    """
    inside = sorted({persons[i] for i in fold.train})
    if len(inside) < 2:
        raise ProtocolError(
            f"A search holds out persons inside the training persons, but fold {fold.held_out} "
            f"trains on {len(inside)} person. Give more persons, or remove [search]."
        )
    classes = {targets[i] for i in fold.train}
    for _ in range(20):
        dealt = _deal(fold, persons, min(groups, len(inside)), rng.permutation(inside).tolist())
        if all(classes == {targets[i] for i in part.train} for part in dealt):
            break
    return dealt


def _deal(
    fold: Fold, persons: Sequence[str], groups: int, order: Sequence[str]
) -> tuple[Fold, ...]:
    """Persons in an order, those with more clips first, each to the smallest group."""
    clips = Counter(persons[i] for i in fold.train)
    sizes, group_of = [0] * groups, {}
    for person in sorted(order, key=lambda one: -clips[one]):
        group_of[person] = sizes.index(min(sizes))
        sizes[group_of[person]] += clips[person]
    return tuple(
        Fold(
            held_out=f"{fold.held_out} inner {group}",
            train=tuple(i for i in fold.train if group_of[persons[i]] != group),
            test=tuple(i for i in fold.train if group_of[persons[i]] == group),
        )
        for group in range(groups)
    )
