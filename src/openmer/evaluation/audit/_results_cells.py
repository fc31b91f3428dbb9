"""What the cells of other people's tables mean, and which of them cannot be read in one way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from openmer.datasets import alike_ids, is_empty, read_whole
from openmer.errors import DataError

Line = Mapping[str, str]

COLUMNS = {
    "subject": (
        *("subject", "subjectid", "subjectname", "subjects", "sub", "subid", "subj", "subno"),
        *("person", "personid", "participant", "participantid", "identity"),
    ),
    "clip": (
        *("clip", "clipname", "clips", "sample", "samplename", "sampleid", "video", "videoname"),
        *("file", "filename", "filepath", "name", "path", "image", "img", "sequence", "clipid"),
    ),
    "truth": (
        *("truth", "true", "label", "labels", "ytrue", "gt", "groundtruth", "target", "targets"),
        *("actual", "truelabel", "gtlabel", "trueclass", "emotion", "y", "class"),
    ),
    "predicted": (
        *("predicted", "prediction", "predictions", "pred", "preds", "ypred", "output", "yhat"),
        *("predlabel", "predictedlabel", "predclass", "predictedclass"),
    ),
    "fold": ("fold", "folds", "heldout", "testsubject", "testfold", "foldid", "leftout"),
    "epoch": ("epoch", "ep"),
    "seed": ("seed", "run", "repeat", "trial", "seeds"),
    "corpus": ("corpus", "corpora", "dataset", "database", "db"),
    "part": ("part", "split", "set", "phase"),
}
MOST_EPOCHS = 1_000_000
_ALWAYS = ("subject", "truth", "predicted")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_LEARNED = ("train", "val", "dev")


def known_cells(line: Line) -> dict[str, str]:
    """Return the cells of a line by what their columns mean."""
    return {meaning: line[column].strip() for meaning, column in _meanings(tuple(line))}


@lru_cache(maxsize=64)
def _meanings(columns: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return what columns mean; of several with one meaning the first name of the list counts."""
    plain = {plain_name(column): column for column in reversed(columns)}
    return [
        (meaning, next(plain[name] for name in names if name in plain))
        for meaning, names in COLUMNS.items()
        if not plain.keys().isdisjoint(names)
    ]


def plain_name(column: str) -> str:
    """Write a name in small letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", column.lower())


def near_misses(columns: Sequence[str], lacking: Sequence[str]) -> str:
    """Say which column may be the one that lacks, by its name."""
    told = []
    plain = {plain_name(column): column for column in columns}
    for meaning in lacking:
        near = [
            plain[one]
            for name in COLUMNS[meaning]
            for one in get_close_matches(name, plain, n=1, cutoff=0.7)
        ]
        inside = [plain[one] for one in plain if any(n in one for n in COLUMNS[meaning] if n[2:])]
        for column in [*near, *inside][:1]:
            told.append(f"{column!r} may be {meaning}")
    return f" ({'; '.join(told)})" if told else ""


def number(text: str, place: str) -> float:
    """Read a finite number.

    Raises:
        DataError: It is none, is not finite, or is written as programs write code (``1_0``).
    """
    found = float(text) if _DECIMAL.fullmatch(text.strip()) else float("inf")
    if abs(found) == float("inf"):
        raise DataError(f"{place} has {text[:60]!r}, expected a number. Correct the file.")
    return found


def epoch_of(text: str, place: str) -> int:
    """Read an epoch, from 0; -1 for an empty cell.

    Raises:
        DataError: It is no whole number of 0 to 1,000,000.
    """
    if is_empty(text):
        return -1
    found = read_whole(text)
    if found is None or found > MOST_EPOCHS:
        raise DataError(
            f"{place} has the epoch {text[:60]!r}, expected a number of 0 to {MOST_EPOCHS:,}. "
            "Correct the file."
        )
    return found


def check_cells(path: Path, numbered: Mapping[int, Line]) -> None:
    """Refuse lines that could be read in two ways, or lack a cell that others have.

    Raises:
        DataError: Two columns mean one thing and differ; cells are empty, or ``nan``; or lines are
            of clips that were trained on.
    """
    lines = list(numbered.values())
    for meaning, names in COLUMNS.items():
        if meaning != "clip":  # of a frame and its video, the video is taken
            columns = [column for column in lines[0] if plain_name(column) in names]
            _require_one_meaning(path, lines, meaning, columns)
    known = {at: known_cells(line) for at, line in numbered.items()}
    for meaning in COLUMNS:
        _require_filled(path, known, meaning)
    learned = [
        cells for cells in known.values() if cells.get("part", "").lower().startswith(_LEARNED)
    ]
    if learned:
        raise DataError(
            f"{path} has {len(learned)} lines of the part {learned[0]['part']!r}. Leave the tested "
            "clips alone in it."
        )


def _require_one_meaning(
    path: Path, lines: Sequence[Line], meaning: str, columns: Sequence[str]
) -> None:
    together = {tuple(line[column].strip() for column in columns) for line in lines}
    if any(len({cells[i] for cells in together}) < len(together) for i in range(len(columns))):
        raise DataError(
            f"{path} has the columns {' and '.join(map(repr, columns))}, which both may be the "
            f"{meaning} and differ. Take out or rename all but one."
        )


def _require_filled(path: Path, known: Mapping[int, Line], meaning: str) -> None:
    """Refuse empty cells among others; a column of them alone is as none, if it may be left out."""
    told = {at: cells[meaning] for at, cells in known.items() if meaning in cells}
    both = {one.get("truth") for one in known.values()}
    both &= {one.get("predicted") for one in known.values()}
    empty = [
        at
        for at, text in told.items()
        if is_empty(text) and not (text.lower() == "none" and text in both)  # then a class
    ]
    if meaning in ("epoch", "part") or not empty:
        return
    if meaning in _ALWAYS or len(empty) < len(told):
        raise DataError(
            f"{path} has {len(empty)} lines with no value for {meaning}, the first is line "
            f"{empty[0]} ({told[empty[0]]!r}). Fill them or leave them out."
        )


def check_words(path: Path, truth: set[str], predicted: set[str]) -> None:
    """Refuse classes that are called one thing here and another there.

    Raises:
        DataError: Two words may be one class, one is a fraction, or no prediction could be right.
    """
    alike = alike_ids(truth | predicted)
    if alike:
        raise DataError(
            f"{path} has the classes {' and '.join(map(repr, alike[0]))}, which may be one: they "
            "differ in case, zeros or white space. Write each class in one way."
        )
    shares = sorted(word for word in truth | predicted if "." in word and _DECIMAL.fullmatch(word))
    if shares:
        raise DataError(
            f"{path} has the class {shares[0]!r}, which is a score. Give the classes, or one "
            "column score_<class> for each."
        )
    if truth & predicted or (len(truth) < 2 and len(predicted) < 2):
        return  # of one class alone, all may be wrong
    raise DataError(
        f"{path} calls the classes {', '.join(sorted(truth)[:4])} as truth and "
        f"{', '.join(sorted(predicted)[:4])} as predictions: no prediction could be right. "
        "Write both in one way."
    )
