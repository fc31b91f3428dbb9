"""Other people's results: predictions, folds, and what their log claims, read from their files."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from openmer.errors import DataError
from openmer.evaluation._metrics import accuracy, confusion_matrix, uar, uf1
from openmer.evaluation.audit._results_files import (
    known_cells,
    near_misses,
    read_files,
    table_lines,
    text_of,
)

Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Score = Callable[[Counts], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]
METRICS: dict[str, Score] = {"uf1": uf1, "uar": uar, "accuracy": accuracy}
_SCORES = re.compile(r"(?:score|prob|proba|probability|p|logit)s?[_ .-]+(.+)", re.IGNORECASE)
_CLAIM = re.compile(
    r"\b(?P<name>uf1|uar|accuracy|acc|war)\b\s*(?:is|[:=])?\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>%?)",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"\bepoch\s*[:=#]?\s*(\d+)", re.IGNORECASE)
_FOLD = re.compile(r"\b(?:subject|fold|held[ -]?out)\s*[:=#]?\s*([\w./-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One prediction.

    Attributes:
        fold: Who was held out; the subject, where the file does not say.
        subject: Who is on the clip, as ``corpus/subject`` where the file names a corpus.
        clip: Name of the clip within the file; its line, where the file has no names.
        truth: Class, as written.
        predicted: Class, as written.
        seed: Seed or run, as written.
        epoch: Epoch, from 0; -1 where the file does not say.
        best: Class with the highest score, where the file has scores beside predictions; of
            several with the same score the one that the file predicts most often then.
    """

    fold: str
    subject: str
    clip: str
    truth: str
    predicted: str
    seed: str = ""
    epoch: int = -1
    best: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One score that a log tells: of one epoch or fold, or of the whole where it names neither."""

    name: str
    value: float
    epoch: int = -1
    fold: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One line of a file of folds: a subject on one side of one fold."""

    fold: str
    part: str
    subject: str
    clip: str = ""


def read_rows(path: Path) -> list[Row]:
    """Read predictions from a table, a folder of a table for each fold, or an ``.npz`` file.

    Columns: subject, truth, and predicted or one score per class; clip, fold, seed, epoch and
    corpus where there are. Common other names are understood, and truth as rows of 0 and 1.

    Raises:
        DataError: The file is missing or no table, lacks one of these columns, or names its classes
            in two ways.
    """
    files = read_files(path)
    scores = _scores_of([line for lines in files.values() for line in lines])
    rows: list[Row] = []
    for file, lines in files.items():
        _require_columns(file, list(lines[0]), scores)
        rows += [
            _row(line, f"line {len(rows) + i}", scores, f"{file}, line {i}")
            for i, line in enumerate(lines, start=2)
        ]
    usual = _usual(rows)
    rows = [replace(row, best=usual.get(row.best, row.best)) for row in rows]
    _require_one_wording(path, rows)
    return rows


def _require_columns(path: Path, columns: list[str], scores: Mapping[str, str]) -> None:
    """Refuse a file that lacks a column, be it a score that other files of the folder have."""
    known = set(known_cells(dict.fromkeys(columns, "")))
    lacking = sorted({"subject", "truth"} - known)
    lacking += ["predicted"] * ("predicted" not in known and not scores)
    absent = [column for column in scores.values() if column not in columns]
    if lacking or absent:
        raise DataError(
            f"{path} has the columns {', '.join(columns)}; expected subject, truth, and predicted "
            f"or score_<class> columns, found no {' and no '.join([*lacking, *absent])}"
            f"{near_misses(columns, lacking)}. Rename them, or move what is no fold away."
        )


def _scores_of(lines: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the column of each class's score, by class."""
    columns = dict.fromkeys(name for line in lines for name in line)
    found = {told[1]: name for name in columns if (told := _SCORES.fullmatch(name.strip()))}
    if found:
        return found
    words = {known_cells(line).get("truth", "") for line in lines}
    return {word: word for word in sorted(words & set(columns))} if words <= set(columns) else {}


def _require_one_wording(path: Path, rows: Sequence[Row]) -> None:
    """Refuse classes that are called one thing as truth and another as prediction."""
    truth, told = {row.truth for row in rows}, {row.predicted for row in rows}
    if truth & told or "" in truth:
        empty = sum(not row.truth for row in rows)
        if empty:
            raise DataError(
                f"{path} has {empty} lines without a truth. Fill them or leave them out."
            )
        return
    if len(truth) < 2 and len(told) < 2:
        return  # one class, always wrong
    near = {word.lower() for word in truth} & {word.lower() for word in told}
    why = "They differ in case only. " if near else ""
    raise DataError(
        f"{path} calls the classes {', '.join(sorted(truth)[:4])} as truth and "
        f"{', '.join(sorted(told)[:4])} as predictions: no prediction could be right. {why}"
        "Write both in one way."
    )


def read_splits(path: Path) -> list[Split]:
    """Read folds from a CSV file: fold, part (train, validation or test) and subject, or clip."""
    found = []
    for line in table_lines(path):
        cells = known_cells(line)
        if not {"fold", "part", "subject"} <= set(cells):
            raise DataError(
                f"{path} has the columns {', '.join(line)}; expected fold, part (train or test) "
                "and subject. Rename them."
            )
        part = "test" if cells["part"].lower().startswith("test") else cells["part"].lower()
        subject = _qualified(cells, cells["subject"])
        fold = _qualified(cells, cells["fold"])
        found.append(Split(fold=fold, part=part, subject=subject, clip=cells.get("clip", "")))
    return found


def read_claims(path: Path) -> list[Claim]:
    """Find the scores in a log, be it a table with a column per metric or free text.

    Raises:
        DataError: The file is missing or no text.
    """
    return [claim for line in text_of(path).splitlines() for claim in _claims(line)] or list(
        _tabled(path)
    )


def claims_of(texts: Sequence[str]) -> list[Claim]:
    """Read scores given as ``uf1=0.871``."""
    found = []
    for text in texts:
        claims = list(_claims(text))
        if not claims:
            raise DataError(f"{text!r} names no score. Expected uf1, uar or accuracy: uf1=0.871.")
        found += claims
    return found


def scores_of(rows: Sequence[Row], classes: Sequence[str] = ()) -> dict[str, float]:
    """Return UF1, UAR and accuracy of predictions, pooled over folds."""
    counts = counts_of(rows, classes or classes_of(rows))
    return {name: float(metric(counts)) for name, metric in METRICS.items()}


def counts_of(rows: Sequence[Row], classes: Sequence[str]) -> Counts:
    """Return the confusion matrix of predictions."""
    place = {name: i for i, name in enumerate(classes)}
    truth = np.array([place[row.truth] for row in rows], np.int64)
    predicted = np.array([place[row.predicted] for row in rows], np.int64)
    return confusion_matrix(truth, predicted, num_classes=len(classes))


def classes_of(rows: Sequence[Row]) -> list[str]:
    """Return the classes that occur, sorted."""
    return sorted({row.truth for row in rows} | {row.predicted for row in rows})


def _row(line: Mapping[str, str], name: str, scores: Mapping[str, str], place: str) -> Row:
    cells = known_cells(line)
    best = _best(line, scores, place) if scores else []
    predicted = cells.get("predicted", "") or "".join(best[:1])
    subject = _qualified(cells, cells["subject"])
    return Row(
        fold=_qualified(cells, cells["fold"]) if cells.get("fold") else subject,
        subject=subject,
        clip=_key(subject, cells.get("clip", "")) or name,
        truth=cells["truth"],
        predicted=predicted,
        seed=cells.get("seed", ""),
        epoch=int(_number(cells["epoch"], place)) if cells.get("epoch") else -1,
        best="\n".join(best) if cells.get("predicted") else "",
    )


def _usual(rows: Sequence[Row]) -> dict[str, str]:
    """Return which of the classes that share the highest score is predicted most often."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        told[row.best][row.predicted] += row.predicted in row.best.split("\n")
    often = {best: count.most_common(1)[0] for best, count in told.items() if "\n" in best}
    return {best: name if count else "" for best, (name, count) in often.items()}


def _best(line: Mapping[str, str], scores: Mapping[str, str], place: str) -> list[str]:
    """Return the class with the highest score; all of them, where several share it."""
    values = {name: _number(line[column], place) for name, column in scores.items()}
    return [name for name, value in values.items() if value == max(values.values())]


def _number(text: str, place: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise DataError(f"{place} has {text!r}, expected a number.")
    return number


def _key(subject: str, clip: str) -> str:
    return clip if not clip or clip.startswith(f"{subject}/") else f"{subject}/{clip}"


def _qualified(cells: Mapping[str, str], subject: str) -> str:
    corpus = cells.get("corpus", "")
    return subject if not corpus or subject.startswith(f"{corpus}/") else f"{corpus}/{subject}"


def _claims(line: str) -> Iterator[Claim]:
    epoch, fold = _EPOCH.search(line), _FOLD.search(line)
    for found in _CLAIM.finditer(line):
        yield Claim(
            name=_metric(found["name"]),
            value=_fraction(float(found["value"]), percent=bool(found["unit"])),
            epoch=int(epoch[1]) if epoch else -1,
            fold=fold[1] if fold else "",
        )


def _tabled(path: Path) -> Iterator[Claim]:
    """Read a table with a column for each metric."""
    if not re.match(r"[^\n]*[,;\t]", text_of(path)):
        return
    for line in table_lines(path):
        cells = known_cells(line)
        fold = cells.get("fold") or cells.get("subject") or ""
        for column, value in line.items():
            name = column.lower().removeprefix("test_").removeprefix("test ")
            if re.fullmatch(r"uf1|uar|accuracy|acc|war", name) and value.strip():
                yield Claim(
                    name=_metric(name),
                    value=_fraction(float(value)),
                    epoch=int(float(cells["epoch"])) if cells.get("epoch") else -1,
                    fold=_qualified(cells, fold) if fold else "",
                )


def _metric(name: str) -> str:
    return {"acc": "accuracy", "war": "accuracy"}.get(name.lower(), name.lower())


def _fraction(value: float, *, percent: bool = False) -> float:
    """Return a share; above 2 it was given in percent (a UAR of 1.178 was not)."""
    return value / 100 if percent or value > 2 else value
