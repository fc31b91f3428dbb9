"""What searches leave behind: a file per search, and all their trials as one table."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from openmer.errors import reading_file
from openmer.files import is_of_the_system, replace_file, safe_name
from openmer.training import Search, Settings

FOLDER, HISTORY, TRIALS = "search", "history.csv", "trials.db"
_TRIAL = {"place", "settings", "score", "metric", "loss", "epoch", "losses"}
_PLAIN = ("score", "metric", "loss", "epoch", "training_losses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What one search chose.

    Attributes:
        seed: Seed of the run.
        subject: The held-out subject, who is nowhere in it; or "everybody".
        settings: Of the best trial, by dotted keys of the method.
        place: That trial's number, from 0.
        score: Its inner score, the best of many: too good for an estimate.
        groups: The inner groups of subjects.
        trials: Every trial in order: `place`, `settings`, `score`, `metric`, `loss`, `epoch` and
            `losses`; a number that is not finite is None.
    """

    seed: int
    subject_id: str
    settings: Settings
    place: int
    score: float
    groups: tuple[tuple[str, ...], ...]
    trials: tuple[Mapping[str, Any], ...]


def choice_path(folder: Path, seed: int, subject_id: str) -> Path:
    """Return the file of one search in a run's folder; unsafe characters are encoded."""
    corpus, _, subject = subject_id.rpartition("/")
    inside = folder / FOLDER / f"seed{seed}"
    return inside / safe_name(corpus) / f"{safe_name(subject)}.json"


def write_choice(folder: Path, choice: Choice) -> None:
    """Write the file of one search atomically; the same search gives the same bytes."""
    table = {
        "seed": choice.seed,
        "subject_id": choice.subject_id,
        "settings": choice.settings,
        "place": choice.place,
        "score": finite(choice.score),
        "groups": choice.groups,
        "trials": choice.trials,
    }
    text = json.dumps(table, indent=1, allow_nan=False)
    replace_file(choice_path(folder, choice.seed, choice.subject_id), f"{text}\n")


def read_choice(folder: Path, seed: int, subject_id: str) -> Choice | None:
    """Read what a finished search chose; None where it is not finished.

    Raises:
        DataError: The file is broken.
    """
    path = choice_path(folder, seed, subject_id)
    return _read(path) if path.is_file() else None


def read_choices(folder: Path) -> list[Choice]:
    """Every search that is done in a run's folder, by seed and subject."""
    files = (folder / FOLDER).glob("seed*/**/*.json")
    found = [_read(file) for file in files if not is_of_the_system(file.name)]
    return sorted(found, key=lambda choice: (choice.seed, choice.subject_id))


def write_history(folder: Path, search: Search) -> Path:
    """Write all trials of all searches that are done as ``search/history.csv``.

    Columns: seed, subject, trial, chosen (1 for the best), each key of the space, score, metric,
    loss, epoch, and training_losses: the mean loss of each epoch, one after another.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["seed", "subject_id", "trial", "chosen", *search.space, *_PLAIN])
    for choice in read_choices(folder):
        for trial in choice.trials:
            chosen = int(trial["place"] == choice.place)
            values = [trial["settings"][key] for key in search.space]
            cells = [_cell(trial[name]) for name in _PLAIN[:-1]]
            curve = " ".join(_cell(loss) or "nan" for loss in trial["losses"])
            place = trial["place"]
            rows.writerow([choice.seed, choice.subject_id, place, chosen, *values, *cells, curve])
    path = folder / FOLDER / HISTORY
    replace_file(path, text.getvalue())
    return path


def summary_of(folder: Path, search: Search) -> dict[str, Any]:
    """Build the table ``[search]`` of a run's record: how often each value was chosen.

    Of a key with more than twelve chosen values only the lowest, the median and the highest.
    """
    choices = read_choices(folder)
    if not choices:
        return {}
    chosen = {key: _counts(choice.settings[key] for choice in choices) for key in search.space}
    return {"searches": len(choices), "trials_each": search.places, "chosen": chosen}


def _counts(values: Iterable[Any]) -> dict[str, Any]:
    found = list(values)
    numbers = [value for value in found if isinstance(value, int | float)]
    if len(set(found)) > 12 and len(numbers) == len(found):
        median = statistics.median(numbers)
        return {"lowest": min(numbers), "median": median, "highest": max(numbers)}
    return {str(value): count for value, count in sorted(Counter(found).items(), key=_by_value)}


def _by_value(item: tuple[Any, int]) -> tuple[bool, Any]:
    value = item[0]
    return (True, value) if isinstance(value, str) else (False, value)


def finite(value: float | None) -> float | None:
    """Return the value, or None where JSON has none (NaN and infinity)."""
    return value if value is not None and math.isfinite(value) else None


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)


def _read(path: Path) -> Choice:
    with reading_file(path, "a search", "Delete it; its finished trials are kept."):
        table = json.loads(path.read_bytes())
        if table["score"] is None:
            table["score"] = math.nan
        choice = TypeAdapter(Choice).validate_python(table, strict=False)
        if not all(set(trial) >= _TRIAL for trial in choice.trials):
            raise ValueError(f"a trial lacks one of the keys {', '.join(sorted(_TRIAL))}")
        return choice
