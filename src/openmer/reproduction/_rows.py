"""Which method a row of a study is, and how its own starting weights are made."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from openmer.datasets import pretraining_scheme
from openmer.errors import ConfigError, unknown_name
from openmer.evaluation import shortened_method
from openmer.methods import Method, list_methods, load_method
from openmer.preprocessing import Recipe
from openmer.reproduction._study import Study, StudyRow

WEIGHTS = "model.weights"
QUICK_EPOCHS = 2
_PAPER = "-paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a user changes in the rows of a study.

    Attributes:
        overrides: Values that replace those of every row, unless the row is fixed.
        weights: Files of weights by the keys of the rows.
        as_published: Whether a row takes the variant of its method that is pretrained as the paper
            says (``efficient-me-paper``), where there is one.
        quick: Whether every training is shortened to two epochs a stage.
    """

    overrides: tuple[str, ...] = ()
    weights: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    as_published: bool = False
    quick: bool = False


def row_method(study: Study, row: StudyRow, changes: Changes | None = None) -> Method:
    """Build the method of a row: its own overrides, then the user's, then fewer steps.

    Raises:
        ConfigError: As `load_method`; the recipe has no step that the row leaves out; or the user
            replaces a value that the row itself sets.
    """
    changes = changes or Changes()
    given = () if row.fixed else changes.overrides
    _refuse_own(study, row, given)
    name = method_name(study, row, changes)
    method = load_method(name, [*set_by(study, row), *given])
    file = changes.weights.get(weights_key(row, method))
    if file is not None:
        weights = f'{WEIGHTS}="{file.as_posix()}"'
        method = load_method(name, [*set_by(study, row), *given, weights])
    if changes.quick:
        method = shortened_method(method, QUICK_EPOCHS)
    return without_steps(method, row.without)


def method_name(study: Study, row: StudyRow, changes: Changes) -> str:
    """Return the name of a row's method; as published, that of its variant where there is one."""
    name = row.method or study.method
    published = name + _PAPER
    return published if changes.as_published and published in list_methods() else name


def is_own(study: Study, row: StudyRow) -> bool:
    """Return whether a row is of the study's own method."""
    return row.method in ("", study.method)


def set_by(study: Study, row: StudyRow) -> tuple[str, ...]:
    """Return what a study sets of a row: what all rows of its own method share, then the row's."""
    return (*(study.set if is_own(study, row) else ()), *row.set)


def weights_key(row: StudyRow, method: Method) -> str:
    """Return the key by which a user gives a row its weights; "" for a row that starts from none.

    A row that says itself what it starts from has none, either.
    """
    if row.weights:
        return row.weights
    starts = method.model is not None and method.model.weights
    if not starts or any(_key(text) == WEIGHTS for text in row.set):
        return ""
    return re.sub(r"[^a-z0-9]+", "-", row.label.lower()).strip("-")


def weights_keys(study: Study, changes: Changes) -> dict[str, list[str]]:
    """Return the keys of a study's weights, each with the labels of its rows."""
    found: dict[str, list[str]] = {}
    for row in study.rows:
        method = (
            load_method(method_name(study, row, changes), set_by(study, row)) if row.run else None
        )
        key = weights_key(row, method) if method else ""
        if key:
            found.setdefault(key, []).append(row.label)
    return found


def check_weights(study: Study, changes: Changes) -> None:
    """Refuse, before any row is run, what the user cannot change.

    Raises:
        ConfigError: Weights are given by a key that no row has, or beside ``--set model.weights``;
            or a value is replaced that a row sets itself.
    """
    for row in study.rows:
        _refuse_own(study, row, () if row.fixed else changes.overrides)
    if changes.weights and any(_key(text) == WEIGHTS for text in changes.overrides):
        raise ConfigError(
            "Found --weights and --set model.weights, expected one of them: --weights KEY=FILE for "
            "single rows, --set model.weights=FILE for all."
        )
    keys = weights_keys(study, changes)
    wrong = sorted(changes.weights.keys() - keys.keys())
    if wrong and not keys:
        raise ConfigError(
            f"Found weights by the key {wrong[0]!r}, but no row of {study.name} starts from any. "
            "Leave them out."
        )
    if wrong:
        raise unknown_name(f"key of weights in {study.name} called", wrong[0], keys)


def pretrain_command(study: Study, row: StudyRow, changes: Changes) -> str:
    """Write the command that makes the weights of a row, and the option that takes them.

    The network is that of the row: all that the row and the user set of the model and of its
    pretraining stands in the command.
    """
    key = weights_key(row, load_method(method_name(study, row, changes), set_by(study, row)))
    name = _pretrained(study, row, changes)
    texts = [*set_by(study, row), *row.pretraining, *(() if row.fixed else changes.overrides)]
    own = [t for t in texts if t.startswith(("model.", "pretraining.")) and _key(t) != WEIGHTS]
    method = load_method(name, own)
    if method.pretraining is None:
        return f"--weights {key}=FILE"
    words = ["openmer", "pretrain", name]
    for corpus in pretraining_scheme(method.pretraining.scheme).corpora:
        words += ["--root", f"{corpus}=FOLDER"]
    for text in own:
        words += ["--set", text]
    words += ["--out", f"pretrained/{key}"]
    made = f"pretrained/{key}/{method.name}.safetensors"
    return f"{shlex.join(words)}, then --weights {key}={made}"


def _pretrained(study: Study, row: StudyRow, changes: Changes) -> str:
    """Return the method whose pretraining makes a row's weights: its own, or the study's."""
    name = method_name(study, row, changes)
    if load_method(name).pretraining is not None:
        return name
    return method_name(study, StudyRow(label=row.label), changes)


def _refuse_own(study: Study, row: StudyRow, given: Sequence[str]) -> None:
    """Refuse to replace what tells a row from the others."""
    for text in given:
        key = _key(text)
        for own in map(_key, row.set):
            if f"{own}.".startswith(f"{key}.") or f"{key}.".startswith(f"{own}."):
                raise ConfigError(
                    f"Found --set {key}, but the row {row.label!r} of {study.name} sets {own} "
                    "itself: that is what the study compares. Leave it out."
                )


def _key(text: str) -> str:
    return text.partition("=")[0].strip()


def without_steps(method: Method, steps: Sequence[str]) -> Method:
    """Return a method whose recipe leaves steps out, by their names.

    Raises:
        ConfigError: The recipe has no such step.
    """
    names = [step.step for step in method.recipe.steps]
    for name in steps:
        if name not in names:
            raise unknown_name(f"step of the recipe of {method.name} called", name, names)
    if not steps:
        return method
    left = tuple(step for step in method.recipe.steps if step.step not in steps)
    return method.model_copy(update={"recipe": Recipe(left)})
