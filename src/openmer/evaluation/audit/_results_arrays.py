"""Predictions that others keep as arrays of NumPy or as JSON, as the lines of a table."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from openmer.errors import DataError, reading_file
from openmer.evaluation.audit._results_cells import COLUMNS, plain_name

_MOST_BYTES = 200_000_000  # of arrays, unpacked
_SCORES = ("scores", "score", "probs", "probabilities", "logits", "yscore", "yprob", "proba")
_CLASSES = ("classes", "classnames", "names", "labelnames")


def npz_lines(path: Path) -> list[dict[str, str]]:
    """Read a ``.npz`` file of an array per column; scores have a column of theirs per class.

    Raises:
        DataError: It is none, holds objects or more than 200 MB, or its lengths differ.
    """
    with reading_file(path, "an .npz file of plain arrays", "Save it without pickled objects."):
        with zipfile.ZipFile(path) as packed:
            if sum(one.file_size for one in packed.infolist()) > _MOST_BYTES:
                raise DataError(
                    f"{path} has more than {_MOST_BYTES // 10**6} MB of arrays. Leave out what is "
                    "no prediction."
                )
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: _plain_array(found[name]) for name in found.files}
    names = [array.tolist() for name, array in arrays.items() if plain_name(name) in _CLASSES]
    return _lines(path, arrays, [str(name) for name in names[0]] if names else [])


def json_lines(path: Path, text: str) -> list[dict[str, str]]:
    """Read JSON: a list of objects, an object of columns, or either of them for each subject.

    A list may have an object on each line.

    Raises:
        DataError: It is none of these.
    """
    with reading_file(path, "JSON", "Correct the file."):
        rows = [line.strip() for line in text.split("\n") if line.strip()]
        by_line = path.suffix.lower() == ".jsonl" or (
            len(rows) > 1 and all(row[0] + row[-1] == "{}" for row in rows)
        )
        texts = rows if by_line else [text]
        parts = [_loaded(part) for part in texts if part.strip()]
        lines = _objects(path, parts if by_line else next(iter(parts), None))
    if not lines:
        raise DataError(
            f"{path} has no predictions. Expected a list of objects, an object of columns, or one "
            "of these for each subject."
        )
    empty = dict.fromkeys((name for line in lines for name in line), "")
    return [{**empty, **line} for line in lines]


def _loaded(text: str) -> object:
    return json.loads(text, object_pairs_hook=_without_doubles)


def _without_doubles(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"an object has one name twice, of {', '.join(found)[:60]}")
    return found


def _objects(path: Path, found: object) -> list[dict[str, str]]:
    """Return the lines of what JSON holds; none where it is something else."""
    if isinstance(found, list) and all(isinstance(one, Mapping) for one in found):
        return [line for one in found for line in _lines(path, _of_one(one), [])]
    if not isinstance(found, Mapping) or not found:
        return []
    known = [name for names in COLUMNS.values() for name in names]
    if any(plain_name(name) in known for name in found):
        if len({tuple(value) for value in found.values() if isinstance(value, Mapping)}) > 1:
            raise ValueError("its columns have other rows, or the same in another order")
        columns = {
            name: _column(list(value.values()) if isinstance(value, Mapping) else value)
            for name, value in found.items()
            if isinstance(value, Mapping | list)
        }
        return _lines(path, columns, [])
    named = {str(name): _objects(path, value) for name, value in found.items()}
    if not all(named.values()):
        return []
    return [
        {**dict.fromkeys(("fold", "subject"), name), **line}
        for name, lines in named.items()
        for line in lines
    ]


def _of_one(one: Mapping[str, object]) -> dict[str, np.ndarray]:
    """Return the columns of one prediction; its scores may be a list."""
    return {str(name): _column([value]) for name, value in one.items()}


def _column(values: Sequence[object]) -> np.ndarray:
    """Make an array of a column; null becomes an empty cell."""
    array = np.array(["" if value is None else value for value in values])
    if array.dtype.kind == "O":
        raise ValueError("a column holds objects; expected numbers or text")
    return array


def _plain_array(array: np.ndarray) -> np.ndarray:
    """Drop axes of length 1 behind the first, and read bytes as text."""
    array = array.astype(str) if array.dtype.kind == "S" else array
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _lines(
    path: Path, arrays: Mapping[str, np.ndarray], names: Sequence[str]
) -> list[dict[str, str]]:
    """Make a line of each prediction; arrays of several axes that are no scores are left out."""
    columns: dict[str, Sequence[object]] = {}
    for name, array in arrays.items():
        plain, places = plain_name(name), _names_of(array, names)
        if array.ndim == 2 and plain in COLUMNS["truth"]:
            _require_one_hot(path, name, array)
            columns[name] = [places[at] for at in array.argmax(axis=1)]
        elif array.ndim == 2 and plain in (*_SCORES, *COLUMNS["predicted"]):
            columns |= {f"score_{places[i]}": array[:, i].tolist() for i in range(len(places))}
        elif array.ndim == 1 and plain not in _CLASSES:
            columns[name] = array.tolist()
    lengths = {name: len(values) for name, values in columns.items()}
    if not columns or len(set(lengths.values())) > 1:
        raise DataError(
            f"{path} has arrays of the lengths {lengths}; expected one value a prediction in each."
        )
    cells = zip(*([str(value) for value in values] for values in columns.values()), strict=True)
    return [dict(zip(columns, line, strict=True)) for line in cells]


def _names_of(array: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return the class of each column: its name, or its number where the names are others."""
    width = array.shape[1] if array.ndim == 2 else 0
    return list(names) if len(names) == width else [str(at) for at in range(width)]


def _require_one_hot(path: Path, name: str, array: np.ndarray) -> None:
    """Refuse a truth of which a row is not one 1 among 0."""
    ones, zeros = (array == 1).sum(axis=1), (array == 0).sum(axis=1)
    wrong = int(((ones != 1) | (ones + zeros != array.shape[1])).sum())
    if wrong:
        raise DataError(
            f"{path} has {wrong} rows of {name!r} that are not one 1 among 0. Correct them."
        )
