"""Predictions on disk and in memory: one row per clip and seed; scores are made of nothing else."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from openmer.clip import Prediction
from openmer.errors import DataError, reading_file
from openmer.files import is_of_the_system, replace_file

UNITS = "action_units"
"""Below a run of classes and units: the predictions of its units."""

_TEXT_COLUMNS = ("clip", "corpus", "subject_id", "truth")
_NUMBER_COLUMNS = ("seed", "epoch")
_SCORE_PREFIX = "score_"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PredictionTable:
    """Predictions of one run as columns; row i of every field speaks of the same clip and seed.

    Rows are sorted by seed, then clip, whatever order they came in, and no (seed, clip) occurs
    twice. The arrays cannot be written to.

    Attributes:
        classes: Class names in the order of their indices.
        clips: `Clip.key` of every row.
        corpora: Corpus of every row.
        subjects: Held-out subject of every row.
        truth: True class index, 0..classes-1, shape ``(rows,)``.
        scores: Larger is more likely, finite, shape ``(rows, classes)``.
        seed: Seed of the run, shape ``(rows,)``.
        epoch: Epoch whose weights made the scores, from 1; 0 without epochs, shape ``(rows,)``.
    """

    classes: tuple[str, ...]
    clips: tuple[str, ...]
    corpora: tuple[str, ...]
    subjects: tuple[str, ...]
    truth: NDArray[np.int64]
    scores: NDArray[np.float64]
    seed: NDArray[np.int64]
    epoch: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Index of the largest score of every row, the first one on a tie, shape ``(rows,)``."""
        largest: NDArray[np.int64] = self.scores.argmax(axis=1).astype(np.int64)
        return largest

    def at(self, rows: NDArray[np.int64]) -> PredictionTable:
        """Return the rows of these positions, in their order."""
        chosen = replace(
            self,
            clips=tuple(self.clips[row] for row in rows),
            corpora=tuple(self.corpora[row] for row in rows),
            subjects=tuple(self.subjects[row] for row in rows),
            truth=self.truth[rows],
            scores=self.scores[rows],
            seed=self.seed[rows],
            epoch=self.epoch[rows],
        )
        for column in (chosen.truth, chosen.scores, chosen.seed, chosen.epoch):
            column.setflags(write=False)
        return chosen

    def of_corpus(self, corpus: str) -> PredictionTable:
        """Return the rows of one corpus.

        Raises:
            DataError: There is none.
        """
        kept = np.array([name == corpus for name in self.corpora])
        if not kept.any():
            known = ", ".join(sorted(set(self.corpora)))
            raise DataError(f"No prediction is of corpus {corpus}; there are those of {known}.")
        return self.at(np.flatnonzero(kept))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that occur, ascending."""
        return tuple(int(seed) for seed in np.unique(self.seed))

    @classmethod
    def from_predictions(
        cls, predictions: Iterable[Prediction], classes: Sequence[str]
    ) -> PredictionTable:
        """Build the table of these records.

        Args:
            predictions: At least one record.
            classes: Class names in the order of their indices.

        Raises:
            DataError: No record; a score is missing or not finite; a class index is outside
                `classes`; a clip occurs twice for one seed. The clip is named.
        """
        records = sorted(predictions, key=lambda record: (record.seed, record.clip))
        if not records:
            raise DataError("There are no predictions. Expected one record per clip and seed.")
        for record in records:
            _check_record(record, tuple(classes))
        _check_unique(records)
        table = cls(
            classes=tuple(classes),
            clips=tuple(record.clip for record in records),
            corpora=tuple(record.corpus for record in records),
            subjects=tuple(record.subject_id for record in records),
            truth=np.array([record.truth for record in records], dtype=np.int64),
            scores=np.array([record.scores for record in records], dtype=np.float64),
            seed=np.array([record.seed for record in records], dtype=np.int64),
            epoch=np.array([record.epoch for record in records], dtype=np.int64),
        )
        for column in (table.truth, table.scores, table.seed, table.epoch):
            column.setflags(write=False)
        return table


def write_predictions(
    path: Path, predictions: Iterable[Prediction], classes: Sequence[str]
) -> None:
    """Write predictions as parquet; the same records give the same bytes, in whatever order.

    Columns: clip, corpus, subject, truth (the class name), score_<class> for every class in order,
    seed, epoch. The file is written under a temporary name and renamed.

    Raises:
        DataError: The records cannot make a table; see `PredictionTable.from_predictions`.
    """
    table = PredictionTable.from_predictions(predictions, classes)
    columns: dict[str, Any] = {
        "clip": pa.array(table.clips, pa.string()),
        "corpus": pa.array(table.corpora, pa.string()),
        "subject_id": pa.array(table.subjects, pa.string()),
        "truth": pa.array([table.classes[i] for i in table.truth], pa.string()),
    }
    for i, name in enumerate(table.classes):
        columns[_SCORE_PREFIX + name] = pa.array(table.scores[:, i], pa.float64())
    columns["seed"] = pa.array(table.seed, pa.int64())
    columns["epoch"] = pa.array(table.epoch, pa.int64())
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd", write_page_checksum=True)
    replace_file(path, buffer.getvalue())


def read_predictions(path: Path) -> PredictionTable:
    """Read the predictions of one file written by `write_predictions`.

    Raises:
        DataError: The file is missing, broken, or lacks a column; it is named.
    """
    classes, records = _read_records(path)
    return _named(path, records, classes)


def read_run(folder: Path, *, seeds: Collection[int] | None = None) -> PredictionTable:
    """All predictions of a run: every parquet file under ``folder/folds/seed*/``.

    Args:
        folder: The run's folder.
        seeds: Only these seeds, such as the finished ones of `RunInfo.seeds`; None for all.

    Raises:
        DataError: No file, a broken file, files with different classes, none of these seeds, or a
            clip predicted twice for one seed.
    """
    paths = _files_in(folder, "folds/seed*/**/*.parquet")
    if not paths:
        raise DataError(
            f"{folder} holds no predictions: there is no folds/seed*/*.parquet in it. Pass the "
            "folder of a run, the one with run.toml."
        )
    classes, records = _read_records(paths[0])
    for path in paths[1:]:
        other, more = _read_records(path)
        if other != classes:
            raise DataError(
                f"{path} has the classes {', '.join(other)}; {paths[0]} has {', '.join(classes)}. "
                "One folder holds one run: move the files of the other one away."
            )
        records += more
    if seeds is not None:
        records = [record for record in records if record.seed in seeds]
    return _named(folder, records, classes)


def fold_digests(folder: Path, seeds: Collection[int]) -> dict[str, str]:
    """Compute SHA-256, in hex, of every file of predictions of some seeds.

    Returns:
        The digests by the files' paths, with forward slashes: below ``folds``, or, for the action
        units of a run that has classes, too, from ``action_units/folds`` on.
    """
    tops = {"": folder / "folds", f"{UNITS}/folds/": folder / UNITS / "folds"}
    return {
        below + path.relative_to(top).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for below, top in tops.items()
        for path in sorted(
            path for one in set(seeds) for path in _files_in(top, f"seed{one}/**/*.parquet")
        )
    }


def _files_in(folder: Path, pattern: str) -> list[Path]:
    """List files by a pattern, sorted, without those that file managers make."""
    return sorted(path for path in folder.glob(pattern) if not is_of_the_system(path.name))


def require_same_clips(table: PredictionTable) -> None:
    """Check that every seed speaks of the same clips, and says the same about them."""
    facts: dict[str, tuple[str, str, int]] = {}
    per_seed: dict[int, set[str]] = {}
    rows = zip(table.clips, table.corpora, table.subjects, table.truth, table.seed, strict=True)
    for clip, corpus, subject_id, truth, seed in rows:
        fact = (corpus, subject_id, int(truth))
        if facts.setdefault(clip, fact) != fact:
            raise DataError(
                f"{clip} is {facts[clip]} for one seed and {fact} for seed {seed}. The seeds were "
                "run on different data: run them again."
            )
        per_seed.setdefault(int(seed), set()).add(clip)
    for seed, clips in per_seed.items():
        missing = sorted(facts.keys() - clips)
        if missing:
            raise DataError(
                f"Seed {seed} lacks {len(missing)} of {len(facts)} clips, the first is "
                f"{missing[0]}. Finish the run before it is scored; finished folds are kept."
            )


def on_clips(table: PredictionTable, clips: Collection[str]) -> PredictionTable:
    """Select the rows of a table that are about these clips, given by their keys.

    Raises:
        DataError: There is none.
    """
    asked = set(clips)
    rows = np.flatnonzero([clip in asked for clip in table.clips])
    if not rows.size:
        raise DataError(
            f"None of the {len(asked)} clips asked for is among the {len(table)} predictions. "
            "Give a run on these clips."
        )
    return table.at(rows)


def _check_record(record: Prediction, classes: tuple[str, ...]) -> None:
    if len(record.scores) != len(classes):
        raise DataError(
            f"{record.clip} has {len(record.scores)} scores; expected {len(classes)}, one for each "
            f"of {', '.join(classes)}."
        )
    if not np.isfinite(record.scores).all():
        raise DataError(
            f"{record.clip} (seed {record.seed}) has the scores {record.scores}; expected finite "
            "numbers. The training diverged: lower its learning rate or check the data."
        )
    if not 0 <= record.truth < len(classes):
        raise DataError(
            f"{record.clip} has class index {record.truth}; expected 0..{len(classes) - 1}."
        )


def _check_unique(records: Sequence[Prediction]) -> None:
    for before, record in pairwise(records):
        if (before.seed, before.clip) == (record.seed, record.clip):
            raise DataError(
                f"{record.clip} was predicted twice for seed {record.seed}. Every clip is tested "
                "once per seed: remove the older file."
            )


def _named(path: Path, records: Iterable[Prediction], classes: tuple[str, ...]) -> PredictionTable:
    try:
        return PredictionTable.from_predictions(records, classes)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _read_records(path: Path) -> tuple[tuple[str, ...], list[Prediction]]:
    """Class names and records of one file."""
    columns = _read_columns(path)
    score_names = [name for name in columns if name.startswith(_SCORE_PREFIX)]
    classes = tuple(name.removeprefix(_SCORE_PREFIX) for name in score_names)
    missing = [name for name in (*_TEXT_COLUMNS, *_NUMBER_COLUMNS) if name not in columns]
    if missing or not classes:
        lacking = ", ".join(missing) or "score_<class>"
        raise DataError(f"{path} is no file of predictions: the column {lacking} is missing.")
    unknown = sorted(set(columns["truth"]) - set(classes))
    if unknown:
        raise DataError(
            f"{path} has the true class {unknown[0]!r}, but scores for {', '.join(classes)} only."
        )
    scores = zip(*(columns[name] for name in score_names), strict=True)
    records = [
        Prediction(
            clip=clip,
            corpus=corpus,
            subject_id=subject_id,
            truth=classes.index(truth),
            scores=tuple(values),
            seed=seed,
            epoch=epoch,
        )
        for clip, corpus, subject_id, truth, values, seed, epoch in zip(
            *(columns[name] for name in _TEXT_COLUMNS), scores, *_numbers(columns), strict=True
        )
    ]
    return classes, records


def _numbers(columns: Mapping[str, list[Any]]) -> list[list[Any]]:
    return [columns[name] for name in _NUMBER_COLUMNS]


def _read_columns(path: Path) -> dict[str, list[Any]]:
    if not path.is_file():
        raise DataError(f"There is no file of predictions {path}.")
    remedy = "Delete it and run again: only this fold is repeated."
    with reading_file(path, "a file of predictions", remedy):
        table: pa.Table = pq.ParquetFile(path, page_checksum_verification=True).read()
    odd = [one.name for one in table.schema if _type_of(one.name) not in (None, one.type)]
    odd += [name for name in table.column_names if table.column_names.count(name) > 1]
    if odd:
        raise DataError(f"{path} is no file of predictions: see its column {odd[0]!r}. {remedy}")
    holes = [name for name in table.column_names if table.column(name).null_count]
    if holes:
        raise DataError(
            f"{path} has empty cells in the column {holes[0]}. Delete it and run again."
        )
    columns: dict[str, list[Any]] = table.to_pydict()
    return columns


def _type_of(column: str) -> pa.DataType | None:
    """Return the type of a column as `write_predictions` writes it; None for any other."""
    if column.startswith(_SCORE_PREFIX):
        return pa.float64()
    known = dict.fromkeys(_TEXT_COLUMNS, pa.string()) | dict.fromkeys(_NUMBER_COLUMNS, pa.int64())
    return known.get(column)
