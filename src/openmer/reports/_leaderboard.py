"""Records of runs that anyone can check: scores, and the counts that they are computed from.

A record holds confusion matrices by seed and subject, and no clip, name or label of one clip;
subjects are numbered. All scores that count answers, with their intervals, follow from these.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from openmer.clip import Prediction
from openmer.errors import DataError, OpenMERError, ProtocolError, reading_file
from openmer.evaluation import (
    PredictionTable,
    RunInfo,
    Summary,
    compare_runs,
    load_run,
    read_run,
    summarise,
)
from openmer.files import is_of_the_system, replace_file, safe_name
from openmer.reports._report_tables import printed_table
from openmer.reports._rows import interval_text, score
from openmer.reports._table import Cell, Marked, Table, markdown_table

SCORES = ("uf1", "uar", "accuracy")
_MOST = 100_000  # answers of a run: clips times seeds
_NEEDED = {  # what a page and a check read of a run, and its type
    "title": str, "protocol": str, "epoch_rule": str, "leaky": bool, "audit": str, "classes": list,
    "clips": int, "subjects": int, "seeds": list, "clips_sha256": str,
}  # fmt: skip


def add_record(run: Path, board: Path, *, leaky: bool = False) -> Path:
    """Write the record of a finished run into a folder of records.

    Args:
        run: The run, as `openmer evaluate` wrote it.
        board: The folder; leaky records have the prefix ``leaky-`` in their names.
        leaky: Whether it is meant for the table of leaky runs.

    Returns:
        The file.

    Raises:
        ProtocolError: The run is leaky or was not audited and is meant for the honest table; or it
            is a control on shuffled labels.
        DataError: It is unfinished or damaged.
    """
    info, _ = load_run(run)
    _require_place(info, run, leaky=leaky)
    table = read_run(run, seeds=info.seeds)
    record = {"run": _about(info, table), "counts": _counts_of(table)}
    try:
        summary = _checked_summary(record)
    except ValueError as error:
        raise DataError(f"{run} gives no record for a leaderboard ({error}).") from error
    record["scores"] = _scores_of(summary)
    name = safe_name(info.method)
    path = board / f"{_LEAKY if leaky else ''}{name}-{_digest(record)}.toml"
    replace_file(path, tomli_w.dumps(record))
    return path


def check_records(board: Path) -> list[str]:
    """Compute every score of every record again from its counts; return what is wrong, or nothing.

    Raises:
        DataError: There is no such folder, or a file is no record.
    """
    wrong = []
    for path, record, summary in _records(board):
        run = record["run"]
        found = _scores_of(summary)
        if found != record["scores"]:
            wrong.append(f"{path.name}: its counts give {found}, it says {record['scores']}.")
        if path.stem.rpartition("-")[2] != _digest(record):
            wrong.append(f"{path.name}: its digest is {_digest(record)}: it was changed.")
        honest = _is_honest(run["leaky"], run["epoch_rule"], run["audit"])
        if not path.name.startswith(_LEAKY) and not honest:
            wrong.append(f"{path.name}: a leaky or unaudited run stands among the honest ones.")
    return wrong


def leaderboard_page(board: Path) -> str:
    """Return the page: honest runs, leaky runs, and what papers print, best UF1 first.

    Raises:
        DataError: A file is no record.
    """
    found = sorted(_records(board), key=lambda one: -one[2].uf1)
    leaky = [one for one in found if one[0].name.startswith(_LEAKY)]
    honest = [one for one in found if not one[0].name.startswith(_LEAKY)]
    ranked = [record for _, record, _ in honest]
    tables = [
        Table("Honest runs", _COLUMNS, tuple(_row(*one[1:], ranked) for one in honest)),
        Table("LEAKY runs", _COLUMNS, tuple(_row(*one[1:], []) for one in leaky)),
        replace(printed_table(), title="Printed by papers"),
    ]
    return "\n\n".join(
        f"## {table.title}\n\n{markdown_table(table) if table.rows else 'None yet.'}"
        for table in tables
    )


_LEAKY = "leaky-"  # begins the name of the file of a leaky run
_COLUMNS = ("Method", "Data", "Protocol", "Seeds", "UF1", "UAR", "Accuracy", "To the best", "Audit")


def _row(
    record: dict[str, Any], summary: Summary, ranked: list[dict[str, Any]]
) -> tuple[Cell, ...]:
    run, scores = record["run"], summary.scores
    name: Cell = Marked(run["title"], "leaky") if run["leaky"] else run["title"]
    numbers = [f"{score(scores[key].value)} {interval_text(scores[key])}" for key in SCORES]
    data = f"{run['clips']} clips of {run['subjects']} subjects, {run['clips_sha256']}"
    seeds = str(len(run["seeds"]))
    return (name, data, run["protocol"], seeds, *numbers, _to_best(record, ranked), run["audit"])


def _to_best(record: dict[str, Any], ranked: list[dict[str, Any]]) -> str:
    """Return the difference of UF1 to the best record on the same clips, paired by subject."""
    same = [one for one in ranked if _on_what(one) == _on_what(record)]
    if not same or same[0] is record:
        return ""
    try:
        found = compare_runs(_table(record), _table(same[0]))
    except OpenMERError:  # such as records of action units, with other rows for the same clips
        return ""
    return f"{found.difference:+.3f} ({found.interval.low:+.3f} to {found.interval.high:+.3f})"


def _on_what(record: dict[str, Any]) -> tuple[str, list[str]]:
    return record["run"]["clips_sha256"], record["run"]["classes"]


def _is_honest(leaky: bool, epoch_rule: str, audit: str) -> bool:
    return not leaky and epoch_rule != "held_out" and audit.startswith("audited")


def _digest(record: dict[str, Any]) -> str:
    return hashlib.sha256(tomli_w.dumps(record).encode()).hexdigest()[:12]


def _require_place(info: RunInfo, run: Path, *, leaky: bool) -> None:
    if info.shuffled_labels:
        raise ProtocolError(f"{run} was trained on shuffled labels: it is a control, no result.")
    if not leaky and not _is_honest(info.leaky, info.epoch_rule, info.audit):
        why = "leaky" if info.leaky else info.audit
        raise ProtocolError(
            f"{run} cannot stand among honest runs: {why}. Audit it (openmer audit {info.method}), "
            f"or add it to the other table with --leaky."
        )


def _about(info: RunInfo, table: PredictionTable) -> dict[str, Any]:
    rows = zip(table.clips, table.truth, table.predicted, table.seed, strict=True)
    lines = "\n".join(" ".join(map(str, row)) for row in rows)
    return {
        "method": info.method,
        "title": info.title,
        "protocol": info.protocol,
        "epoch_rule": info.epoch_rule,
        "leaky": info.leaky,
        "audit": info.audit,
        "classes": list(info.classes),
        "clips": info.clips,
        "subjects": info.subjects,
        "seeds": list(info.seeds),
        "parameters": info.parameters,
        "seconds": info.seconds,
        "device": info.device,
        "command": info.command,
        "clips_sha256": str(info.data.get("clips_sha256", "")),
        "predictions_sha256": hashlib.sha256(lines.encode()).hexdigest(),
        "versions": {name: str(version) for name, version in info.versions.items()},
    }


def _counts_of(table: PredictionTable) -> list[list[int]]:
    """Return rows of seed, number of the subject, truth, prediction, and how many clips."""
    number = {name: place for place, name in enumerate(sorted(set(table.subjects)))}
    numbers = [number[name] for name in table.subjects]
    cells = zip(
        table.seed.tolist(), numbers, table.truth.tolist(), table.predicted.tolist(), strict=True
    )
    return [[*cell, count] for cell, count in sorted(Counter(cells).items())]


def _table(record: dict[str, Any]) -> PredictionTable:
    """Return predictions that give these counts: clips have numbers, scores are 0 and 1."""
    classes = tuple(record["run"]["classes"])
    found, clip = [], Counter[tuple[int, int, int]]()
    for seed, subject, truth, predicted, count in record["counts"]:
        for _ in range(count):
            clip[seed, subject, truth] += 1
            name = f"board/{subject:04d}"
            found.append(
                Prediction(
                    clip=f"{name}/{truth}-{clip[seed, subject, truth]}",
                    corpus="board",
                    subject_id=name,
                    truth=truth,
                    scores=tuple(np.eye(len(classes))[predicted].tolist()),
                    seed=seed,
                    epoch=0,
                )
            )
    return PredictionTable.from_predictions(found, classes)


def _scores_of(summary: Summary) -> dict[str, list[float]]:
    """Return each score with the ends of its interval, to four digits."""
    found = {name: summary.scores[name] for name in SCORES}
    return {
        name: [round(value, 4) for value in (one.value, one.low, one.high) if value is not None]
        for name, one in found.items()
    }


def _records(board: Path) -> Iterator[tuple[Path, dict[str, Any], Summary]]:
    if not board.is_dir():
        raise DataError(f"There is no folder {board}. Give the folder of the records by --board.")
    files = [path for path in sorted(board.glob("*.toml")) if not is_of_the_system(path.name)]
    for path in files:
        with reading_file(path, "a record of a run", "Make it with openmer leaderboard add."):
            record = tomllib.loads(path.read_text("utf-8"))
            _check_run(record["run"])
            summary = _checked_summary(record)
            _ = record["scores"]
        yield path, record, summary


def _check_run(run: dict[str, Any]) -> None:
    """Raise `ValueError` where something that is needed of a run has another type."""
    for key, kind in _NEEDED.items():
        if type(run[key]) is not kind:
            raise ValueError(f"found {run[key]!r} for {key}, expected {kind.__name__}")


def _checked_summary(record: dict[str, Any]) -> Summary:
    """Return the scores of a record; raise `ValueError` where its counts are none or give none."""
    _check_counts(record)
    try:
        return summarise(_table(record), tuple(record["run"]["classes"]))
    except OpenMERError as error:
        raise ValueError(str(error)) from error


def _check_counts(record: dict[str, Any]) -> None:
    """Raise `ValueError` where counts are none of these classes, or more than any run has."""
    most = (2**32, _MOST, *[len(record["run"]["classes"])] * 2, _MOST + 1)
    for row in record["counts"]:
        if len(row) != len(most) or any(
            type(value) is not int or not 0 <= value < end
            for value, end in zip(row, most, strict=True)
        ):
            raise ValueError(f"found the counts {row}")
    if not 0 < sum(row[-1] for row in record["counts"]) <= _MOST:
        raise ValueError(f"expected 1 to {_MOST} answers")
