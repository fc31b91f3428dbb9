"""Other people's results: predictions, folds, and what their log claims, read from their files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openmer.errors import DataError
from openmer.evaluation._metrics import accuracy, confusion_matrix, uar, uf1

METRICS = {"uf1": uf1, "uar": uar, "accuracy": accuracy}
_NAMES = {
    "subject": ("subject", "subjectid", "sub", "person", "participant"),
    "clip": ("clip", "sample", "video", "file", "filename", "name", "path", "image"),
    "truth": ("truth", "true", "label", "ytrue", "gt", "groundtruth", "target", "actual"),
    "predicted": ("predicted", "prediction", "pred", "ypred", "output"),
    "fold": ("fold", "heldout", "testsubject", "testfold"),
    "epoch": ("epoch",),
    "seed": ("seed", "run", "repeat"),
    "corpus": ("corpus", "dataset", "database"),
    "part": ("part", "split", "set", "phase"),
}
_SCORES = ("score", "prob", "p", "logit")
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
    """

    fold: str
    subject: str
    clip: str
    truth: str
    predicted: str
    seed: str = ""
    epoch: int = -1


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
    """Read predictions from a CSV or TSV file.

    Columns: subject, truth, and predicted or one score per class; clip, fold, seed, epoch and
    corpus where there are. Common other names are understood.
    """
    lines = list(_lines(path))
    first = lines[0]
    scores = [name for name in first if re.match(rf"(?:{'|'.join(_SCORES)})[_ ]", name.lower())]
    lacking = {"subject", "truth"} - set(_known(first))
    if lacking or not ({"predicted"} & set(_known(first)) or scores):
        raise DataError(
            f"{path} has the columns {', '.join(first)}; expected subject, truth, and predicted or "
            "score_<class> columns. Rename them."
        )
    return [_row(line, number, scores) for number, line in enumerate(lines, start=2)]


def read_splits(path: Path) -> list[Split]:
    """Read folds from a CSV file: fold, part (train, validation or test) and subject, or clip."""
    found = []
    for line in _lines(path):
        cells = _known(line)
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
    return [claim for line in _text(path).splitlines() for claim in _claims(line)] or list(
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


def counts_of(
    rows: Sequence[Row], classes: Sequence[str]
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the confusion matrix of predictions."""
    place = {name: i for i, name in enumerate(classes)}
    truth = np.array([place[row.truth] for row in rows], np.int64)
    predicted = np.array([place[row.predicted] for row in rows], np.int64)
    return confusion_matrix(truth, predicted, num_classes=len(classes))


def classes_of(rows: Sequence[Row]) -> list[str]:
    """Return the classes that occur, sorted."""
    return sorted({row.truth for row in rows} | {row.predicted for row in rows})


def _row(line: Mapping[str, str], number: int, scores: Sequence[str]) -> Row:
    cells = _known(line)
    predicted = cells.get("predicted", "")
    if not predicted and scores:
        best = max(scores, key=lambda name: float(line[name]))
        predicted = re.split(r"[_ ]", best, maxsplit=1)[1]
    subject = _qualified(cells, cells["subject"])
    return Row(
        fold=_qualified(cells, cells["fold"]) if cells.get("fold") else subject,
        subject=subject,
        clip=_key(subject, cells.get("clip", "")) or f"line {number}",
        truth=cells["truth"],
        predicted=predicted,
        seed=cells.get("seed", ""),
        epoch=int(float(cells["epoch"])) if cells.get("epoch") else -1,
    )


def _key(subject: str, clip: str) -> str:
    return clip if not clip or clip.startswith(f"{subject}/") else f"{subject}/{clip}"


def _qualified(cells: Mapping[str, str], subject: str) -> str:
    corpus = cells.get("corpus", "")
    return subject if not corpus or subject.startswith(f"{corpus}/") else f"{corpus}/{subject}"


def _known(line: Mapping[str, str]) -> dict[str, str]:
    """Return the cells of a line by what their columns mean."""
    found: dict[str, str] = {}
    for meaning, names in _NAMES.items():
        for column, value in line.items():
            if re.sub(r"[^a-z0-9]", "", column.lower()) in names:
                found.setdefault(meaning, value.strip())
    return found


def _lines(path: Path) -> Iterator[dict[str, str]]:
    text = _text(path)
    head = text.splitlines()[0] if text.strip() else ""
    separator = max(",;\t", key=head.count)
    lines = list(csv.DictReader(text.splitlines(), delimiter=separator))
    if not lines or separator not in head:
        raise DataError(f"{path} is no table. Expected CSV with a header and a line a prediction.")
    for line in lines:
        yield {str(name): value or "" for name, value in line.items() if name is not None}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text ({error}). Give a CSV file.") from error


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
    if not re.match(r"[^\n]*[,;\t]", _text(path)):
        return
    for line in _lines(path):
        cells = _known(line)
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
