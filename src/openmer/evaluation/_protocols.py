"""Protocols: which clips are tested together, and which train; a subject is never on both sides."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from openmer.clip import Clip
from openmer.datasets import read_folds
from openmer.errors import ConfigError, ProtocolError
from openmer.evaluation._splits import Fold, leave_one_subject_out
from openmer.registry import Registry

MakeFolds = Callable[[Sequence[Clip], Sequence[int], str], Sequence[Fold]]
"""Clips, their class indices and what stands behind the colon to folds."""

LOSO = "loso"
CD6ME = ("casme", "casme2", "samm", "mmew", "casme3", "fourdme")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldProtocol:
    """A way to make folds.

    Attributes:
        make: From clips to folds.
        partial: Whether some clips may train without ever being tested.
        repeats: How often all clips are tested, by what stands behind the colon; each time is a
            seed of its own.
    """

    make: MakeFolds
    partial: bool = False
    repeats: Callable[[str], int] = lambda _: 1


PROTOCOLS: Registry[FoldProtocol] = Registry("protocol")


def register_protocol(name: str, *, partial: bool = False) -> Callable[[MakeFolds], MakeFolds]:
    """Return a decorator that registers a function as a protocol.

    Args:
        name: What ``--protocol`` takes; ``name:text`` hands the text to the function.
        partial: Whether some clips may train without ever being tested.

    Returns:
        The decorator; the function gets the clips, their class indices and the text, and returns
        folds.

    Raises:
        ValueError: The name is taken.

    Example:
        @openmer.register_protocol("first-subject", partial=True)
        def first_subject(clips, targets, text):
            test = tuple(i for i, one in enumerate(clips) if one.subject == clips[0].subject)
            train = tuple(i for i in range(len(clips)) if i not in test)
            return [Fold(held_out="first-subject/only", train=train, test=test)]
    """
    return PROTOCOLS.decorator(name, lambda make: FoldProtocol(make=make, partial=partial))


def protocol_of(spec: str) -> tuple[FoldProtocol, str]:
    """Return a protocol and what stands behind the colon.

    Raises:
        ConfigError: There is no such protocol; the nearest is given.
    """
    name, _, text = spec.partition(":")
    return PROTOCOLS[name], text


def make_folds(spec: str, clips: Sequence[Clip], targets: Sequence[int]) -> tuple[Fold, ...]:
    """Make the folds of a protocol.

    Args:
        spec: ``loso``, ``kfold:5``, ``kfold:5:10``, ``loco``, ``hde:A->B``, ``cd6me``,
            ``file:FOLDS.csv``, or one that a plug-in registers.
        clips: All clips.
        targets: Their class indices.

    Returns:
        The folds; clips of a tested subject are taken out of the fold's training clips.

    Raises:
        ConfigError: There is no such protocol, or what stands behind the colon is wrong.
        DataError: A file of folds is wrong.
        ProtocolError: The clips do not serve: too few subjects or corpora, a subject in two groups,
            or nobody left to train on.
    """
    protocol, text = protocol_of(spec)
    folds = [_without_tested(fold, clips) for fold in protocol.make(clips, targets, text)]
    for fold in folds:
        if not fold.train or not fold.test:
            side = "train on" if fold.test else "test"
            raise ProtocolError(
                f"Protocol {spec}: fold {fold.held_out} has no clip to {side}. Choose another "
                "protocol, or give more subjects."
            )
    names = [fold.held_out for fold in folds]
    if not folds or len(set(names)) < len(names):
        raise ProtocolError(f"Protocol {spec} makes {len(folds)} folds, not all of them different.")
    return tuple(folds)


def _without_tested(fold: Fold, clips: Sequence[Clip]) -> Fold:
    tested = {clips[i].subject_id for i in fold.test}
    if not any(clips[i].subject_id in tested for i in fold.train):
        return fold
    return replace(fold, train=tuple(i for i in fold.train if clips[i].subject_id not in tested))


def _loso(clips: Sequence[Clip], targets: Sequence[int], text: str) -> Sequence[Fold]:  # noqa: ARG001
    """Hold out each subject once."""
    _refuse_text(LOSO, text)
    return leave_one_subject_out([clip.subject_id for clip in clips])


def _kfold(clips: Sequence[Clip], targets: Sequence[int], text: str) -> list[Fold]:
    """Deal the subjects into groups with about equal classes, and hold out each group once."""
    count, repeats = _numbers(text)
    subjects = [clip.subject_id for clip in clips]
    if count > len(set(subjects)):
        raise ProtocolError(
            f"Protocol kfold:{text} needs {count} subjects or more, found {len(set(subjects))}. "
            "Give a smaller number, or take loso."
        )
    folds = []
    for repeat in range(repeats):
        for number, (train, test) in enumerate(_dealt(subjects, targets, count, repeat), start=1):
            name = f"kfold/{number}" if repeats == 1 else f"kfold/{repeat}-{number}"
            seed = None if repeats == 1 else repeat
            folds.append(Fold(held_out=name, train=tuple(train), test=tuple(test), seed=seed))
    return folds


def _dealt(
    subjects: Sequence[str], targets: Sequence[int], count: int, seed: int
) -> list[tuple[list[int], list[int]]]:
    """Split by scikit-learn: groups of like classes where the classes allow it."""
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    everybody = np.zeros(len(subjects))
    for splitter in (StratifiedGroupKFold, GroupKFold):
        dealt = splitter(count, shuffle=True, random_state=seed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a class with fewer clips than groups
                found = list(dealt.split(everybody, targets, subjects))
        except ValueError:  # every class has fewer clips than there are groups
            continue
        if all(len(test) for _, test in found):
            break
    return [(train.tolist(), test.tolist()) for train, test in found]


def _loco(clips: Sequence[Clip], targets: Sequence[int], text: str) -> list[Fold]:  # noqa: ARG001
    """Hold out each corpus once."""
    _refuse_text("loco", text)
    corpora = [clip.corpus for clip in clips]
    if len(set(corpora)) < 2:
        raise ProtocolError(
            f"Leave-one-corpus-out needs two corpora, found {', '.join(sorted(set(corpora)))}. "
            "Give clips of another corpus, too, or take loso."
        )
    return _each_in_turn("loco", corpora)


def _hde(clips: Sequence[Clip], targets: Sequence[int], text: str) -> list[Fold]:  # noqa: ARG001
    """Train on some corpora and test others: hold-out database evaluation."""
    sides = [re.split(r"\s*\+\s*", side.strip()) for side in re.split(r"->|:", text)]
    if len(sides) != 2 or not all(map(all, sides)) or set(sides[0]) & set(sides[1]):
        raise ConfigError(
            f"Protocol hde:{text}: expected two corpora, the one to train on first, as in "
            "'hde:casme2->samm' (in quotes on a command line) or hde:casme2:samm; several are "
            "joined by '+'."
        )
    found = {clip.corpus for clip in clips}
    lacking = sorted({*sides[0], *sides[1]} - found)
    if lacking:
        raise ProtocolError(
            f"Protocol hde:{text}: no clip of {', '.join(lacking)}; the clips are of "
            f"{', '.join(sorted(found))}."
        )
    train, test = ([i for i, clip in enumerate(clips) if clip.corpus in side] for side in sides)
    return [_fold("hde", f"{'+'.join(sides[0])}->{'+'.join(sides[1])}", train, test)]


def _cd6me(clips: Sequence[Clip], targets: Sequence[int], text: str) -> list[Fold]:
    """Hold out each of the six corpora of CD6ME (Varanka et al. 2023) once."""
    _refuse_text("cd6me", text)
    found = {clip.corpus for clip in clips}
    if found != set(CD6ME):
        lacking, more = sorted(set(CD6ME) - found), sorted(found - set(CD6ME))
        raise ProtocolError(
            f"CD6ME has the corpora {', '.join(CD6ME)}; missing here: {', '.join(lacking) or '-'}, "
            f"too many: {', '.join(more) or '-'}. Take loco for other corpora."
        )
    return [replace(one, held_out=f"cd6me{one.held_out[4:]}") for one in _loco(clips, targets, "")]


def _from_file(clips: Sequence[Clip], targets: Sequence[int], text: str) -> list[Fold]:  # noqa: ARG001
    """Take the folds of a CSV file."""
    if not text:
        raise ConfigError("Protocol file: expected the path of a CSV file, as in file:folds.csv.")
    return _each_in_turn("file", read_folds(Path(text), clips))


def _each_in_turn(protocol: str, groups: Sequence[str | None]) -> list[Fold]:
    """Hold out each group that has a name once."""
    return [
        _fold(
            protocol,
            name,
            [i for i, own in enumerate(groups) if own != name],
            [i for i, own in enumerate(groups) if own == name],
        )
        for name in sorted({name for name in groups if name})
    ]


def _fold(protocol: str, name: str, train: list[int], test: list[int]) -> Fold:
    return Fold(held_out=f"{protocol}/{name}", train=tuple(train), test=tuple(test))


def _numbers(text: str) -> tuple[int, int]:
    """Read groups and repeats of a k-fold."""
    found = re.fullmatch(r"([1-9]\d{0,3})(?::([1-9]\d{0,3}))?", text, flags=re.ASCII)
    if found is None or int(found[1]) < 2:
        raise ConfigError(
            f"Protocol kfold:{text}: expected the number of groups, two or more, as in kfold:5, "
            "and perhaps how often they are dealt, as in kfold:5:10."
        )
    return int(found[1]), int(found[2] or 1)


def _refuse_text(name: str, text: str) -> None:
    if text:
        raise ConfigError(f"Protocol {name}:{text}: found {text!r} behind {name}. Leave it out.")


def repeats_of(spec: str) -> int:
    """How often a protocol tests all clips, each time with a seed of its own.

    Raises:
        ConfigError: There is no such protocol, or what stands behind the colon is wrong.
    """
    protocol, text = protocol_of(spec)
    return protocol.repeats(text)


for _name, _make in {LOSO: _loso, "loco": _loco, "cd6me": _cd6me}.items():
    register_protocol(_name)(cast(MakeFolds, _make))
register_protocol("hde", partial=True)(_hde)
register_protocol("file", partial=True)(_from_file)
PROTOCOLS.add("kfold", FoldProtocol(make=_kfold, repeats=lambda text: _numbers(text)[1]))
