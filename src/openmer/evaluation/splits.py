"""Folds: one person held out at a time, outside and, for the epoch, inside the training persons."""

from __future__ import annotations

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
