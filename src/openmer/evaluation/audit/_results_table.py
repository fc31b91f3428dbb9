"""Other people's results: predictions, folds, and what their log claims, read from their files."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from openmer.datasets import is_empty
from openmer.errors import DataError
from openmer.evaluation._metrics import accuracy, confusion_matrix, uar, uf1
from openmer.evaluation.audit._results_cells import (
    check_cells,
    check_words,
    epoch_of,
    known_cells,
    near_misses,
    number,
)
from openmer.evaluation.audit._results_files import read_files, table_lines, text_of

Counts = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Score = Callable[[Counts], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]
METRICS: dict[str, Score] = {"uf1": uf1, "uar": uar, "accuracy": accuracy}
_SCORES = re.compile(r"(?:score|prob|proba|probability|p|logit)s?[_ .-]+(.+)", re.IGNORECASE)
_OF_ALL = frozenset({"max", "min", "mean", "sum", "total", "std", "value", "margin", "top1"})
_CLAIM = re.compile(
    r"\b(?P<name>uf1|uar|accuracy|acc|war)\b\s*(?:is|[:=])?\s*"
    r"(?P<value>(?:\d+(?:[.,]\d+)?|\.\d+)(?:e[+-]?\d{1,3})?)(?![\w]|[.,]\d)\s*(?P<unit>%?)",
    re.IGNORECASE | re.ASCII,
)
_EPOCH = re.compile(r"\bepoch\s*[:=#]?\s*(\d+)", re.IGNORECASE)
_PARTS = ("test", "train", "val", "dev")
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
    """Read predictions from a table, JSON, an ``.npz`` file, or a folder of one for each fold.

    Columns: subject, truth, and predicted or one score per class; clip, fold, seed, epoch and
    corpus where there are. Common other names are understood, and truth as rows of 0 and 1.

    Raises:
        DataError: The file is missing or no table, lacks one of these columns or a cell of them,
            names its classes in two ways, or holds a number that is none.
    """
    files = read_files(path)
    scores = _scores_of(path, [line for lines in files.values() for line in lines.values()])
    rows: list[Row] = []
    for file, lines in files.items():
        _require_columns(file, list(next(iter(lines.values()))), scores)
        check_cells(file, lines)
        name = "" if file == path else f"{file.relative_to(path)} "
        rows += [
            _row(line, f"{name}line {at}", scores, f"{file}, line {at}")
            for at, line in lines.items()
        ]
    usual = _usual(rows)
    rows = [replace(row, best=usual.get(row.best, row.best)) for row in rows]
    check_words(path, {row.truth for row in rows}, {row.predicted for row in rows})
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


def _scores_of(path: Path, lines: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the column of each class's score, by class.

    Columns such as prob_max, which are of no class, do not count; nor do any, beside predictions,
    where a class has none.
    """
    columns = dict.fromkeys(name for line in lines for name in line)
    cells = [known_cells(line) for line in lines]
    words = {one["truth"] for one in cells if "truth" in one}
    found: dict[str, str] = {}
    for name in columns:
        told = _SCORES.fullmatch(name.strip())
        word = told[1].strip() if told else ""
        if not word or (word.lower() in _OF_ALL and word not in words):
            continue
        if word in found:
            raise DataError(
                f"{path} has the columns {found[word]!r} and {name!r}, both scores of {word!r}. "
                "Keep one for each class."
            )
        found[word] = name
    if found:
        words |= {one["predicted"] for one in cells if "predicted" in one}
        beside = any("predicted" in one for one in cells)
        return {} if beside and not words <= set(found) else found
    return {word: word for word in sorted(words & set(columns))} if words <= set(columns) else {}


def read_splits(path: Path) -> list[Split]:
    """Read folds from a CSV file: fold, part (train, validation or test) and subject, or clip.

    Raises:
        DataError: A column or a cell is missing, or a part has another name.
    """
    found = []
    for at, line in table_lines(path).items():
        cells = known_cells(line)
        if not {"fold", "part", "subject"} <= set(cells):
            raise DataError(
                f"{path} has the columns {', '.join(line)}; expected fold, part (train or test) "
                "and subject. Rename them."
            )
        part = next((one for one in _PARTS if cells["part"].lower().startswith(one)), "")
        if not part or is_empty(cells["fold"]) or is_empty(cells["subject"]):
            raise DataError(
                f"{path} line {at} has the part {cells['part']!r}, the fold {cells['fold']!r} and "
                f"the subject {cells['subject']!r}; expected train, validation or test, and no "
                "empty cell. Correct it."
            )
        subject = _qualified(cells, cells["subject"])
        fold = _qualified(cells, cells["fold"])
        found.append(Split(fold=fold, part=part, subject=subject, clip=cells.get("clip", "")))
    return found


def read_claims(path: Path) -> list[Claim]:
    """Find the scores in a log, be it a table with a column per metric or free text.

    Raises:
        DataError: The file is missing or no text, tells no score, or one that is no number.
    """
    lines = enumerate(text_of(path).splitlines(), start=1)
    found = [claim for at, line in lines for claim in _claims(line, f"{path}, line {at}")]
    found = found or list(_tabled(path))
    if not found:
        raise DataError(
            f"{path} tells no score. Expected lines such as 'epoch 3 UF1: 0.871', or a table with "
            "a column uf1, uar or accuracy."
        )
    return found


def claims_of(texts: Sequence[str]) -> list[Claim]:
    """Read scores given as ``uf1=0.871``.

    Raises:
        DataError: A text is anything else.
    """
    found = []
    for text in texts:
        claims = list(_claims(text, repr(text)))
        if not claims or re.search(r"\w", _CLAIM.sub("", text)):
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
    cells = {
        meaning: text for meaning, text in known_cells(line).items() if not _lacks(meaning, text)
    }
    best = _best(line, scores, place) if scores else []
    subject = _qualified(cells, cells["subject"])
    return Row(
        fold=_qualified(cells, cells["fold"]) if "fold" in cells else subject,
        subject=subject,
        clip=_key(subject, cells.get("clip", "")) or name,
        truth=cells["truth"],
        predicted=cells.get("predicted") or best[0],
        seed=cells.get("seed", ""),
        epoch=epoch_of(cells.get("epoch", ""), place),
        best="\n".join(best) if cells.get("predicted") else "",
    )


def _lacks(meaning: str, text: str) -> bool:
    """Whether a cell says nothing; `check_cells` has let "none" pass as a class alone."""
    return is_empty(text) and meaning not in ("truth", "predicted")


def _usual(rows: Sequence[Row]) -> dict[str, str]:
    """Return which of the classes that share the highest score is predicted most often."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        told[row.best][row.predicted] += row.predicted in row.best.split("\n")
    often = {best: count.most_common(1)[0] for best, count in told.items() if "\n" in best}
    return {best: name if count else "" for best, (name, count) in often.items()}


def _best(line: Mapping[str, str], scores: Mapping[str, str], place: str) -> list[str]:
    """Return the class with the highest score; all of them, where several share it."""
    values = {name: number(line[column], place) for name, column in scores.items()}
    return [name for name, value in values.items() if value == max(values.values())]


def _key(subject: str, clip: str) -> str:
    return clip if not clip or clip.startswith(f"{subject}/") else f"{subject}/{clip}"


def _qualified(cells: Mapping[str, str], subject: str) -> str:
    corpus = cells.get("corpus", "")
    return subject if not corpus or subject.startswith(f"{corpus}/") else f"{corpus}/{subject}"


def _claims(line: str, place: str) -> Iterator[Claim]:
    epoch, fold = _EPOCH.search(line), _FOLD.search(line)
    for found in _CLAIM.finditer(line):
        value = number(found["value"].replace(",", "."), place)
        yield Claim(
            name=_metric(found["name"]),
            value=_fraction(value, percent=bool(found["unit"])),
            epoch=epoch_of(epoch[1], place) if epoch else -1,
            fold=fold[1] if fold else "",
        )


def _tabled(path: Path) -> Iterator[Claim]:
    """Read a table with a column for each metric."""
    if not re.match(r"[^\n]*[,;\t]", text_of(path)):
        return
    for at, line in table_lines(path).items():
        cells = known_cells(line)
        fold = cells.get("fold") or cells.get("subject") or ""
        for column, value in line.items():
            name = column.lower().removeprefix("test_").removeprefix("test ")
            if re.fullmatch(r"uf1|uar|accuracy|acc|war", name) and not is_empty(value):
                place = f"{path}, line {at}"
                yield Claim(
                    name=_metric(name),
                    value=_fraction(number(value.rstrip("% "), place), percent="%" in value),
                    epoch=epoch_of(cells.get("epoch", ""), place),
                    fold=_qualified(cells, fold) if fold else "",
                )


def _metric(name: str) -> str:
    return {"acc": "accuracy", "war": "accuracy"}.get(name.lower(), name.lower())


def _fraction(value: float, *, percent: bool = False) -> float:
    """Return a share; above 2 it was given in percent (a UAR of 1.178 was not)."""
    return value / 100 if percent or value > 2 else value
