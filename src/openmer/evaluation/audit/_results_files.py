"""The shapes in which others keep predictions: tables, a folder of a file a fold, arrays."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from openmer._csv_rows import csv_records
from openmer.errors import DataError

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
_TABLES = frozenset({".csv", ".tsv", ".txt", ".npz"})
_SCORES = ("scores", "score", "probs", "probabilities", "logits", "yscore", "yprob", "proba")
_CLASSES = ("classes", "classnames", "names", "labelnames")
_ONE_HOT = re.compile(r"(?:truth|true|gt|y_?true|label|target|onehot)[_ .-]+(.+)", re.IGNORECASE)


def read_files(path: Path) -> dict[Path, list[dict[str, str]]]:
    """Read a table of predictions, a folder that has one for each fold, or arrays (``.npz``).

    Classes written as rows of 0 and 1 become names, and whole numbers lose their ``.0``. A text
    beside the tables of a folder, such as a log, is left out.

    Returns:
        The lines of each file, at least one.

    Raises:
        DataError: It is none of these.
    """
    if not path.is_dir():
        return {path: _npz_lines(path) if path.suffix.lower() == ".npz" else table_lines(path)}
    files = sorted(one for one in path.iterdir() if one.suffix.lower() in _TABLES)
    if not files:
        raise DataError(f"{path} has no {', '.join(sorted(_TABLES))} file. Give one a fold.")
    tables = [file for file in files if file.suffix.lower() != ".txt" or _is_table(file)]
    return {file: _of_fold(file) for file in tables or files}


def _of_fold(file: Path) -> list[dict[str, str]]:
    """Read the table of one fold, whose name says who is held out where its columns do not."""
    found = []
    for line in read_files(file)[file]:
        known = known_cells(line)
        named = {name: file.stem for name in ("fold", "subject") if name not in known}
        found.append({**line, **named})
    return found


def _is_table(path: Path) -> bool:
    """Whether the first line of a text is a header with a column that is known."""
    head = next(iter(text_of(path).splitlines()), "")
    return any(known_cells(dict.fromkeys(head.split(mark), "")) for mark in ",;\t" if mark in head)


def table_lines(path: Path) -> list[dict[str, str]]:
    """Read a table with a header, separated by commas, semicolons or tabs.

    Raises:
        DataError: It is none.
    """
    text = text_of(path)
    head = next(filter(str.strip, text.splitlines()), "")
    separator = max(",;\t", key=head.count)
    header, lines = csv_records(path, text, separator)
    if not lines or separator not in head:
        raise DataError(f"{path} is no table. Expected CSV with a header and a line a prediction.")
    decimal = separator == ";"
    return [
        _tidied({name: line.get(name, "") for name in header if name}, decimal=decimal)
        for _, line in lines
    ]


def text_of(path: Path) -> str:
    """Read text, UTF-8 or, where it says so itself, UTF-16.

    Raises:
        DataError: It is missing or no text.
    """
    try:
        content = path.read_bytes()
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        return content.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as text ({error}). Give a CSV file in UTF-8, a folder of them, "
            "or an .npz file."
        ) from error


def known_cells(line: Mapping[str, str]) -> dict[str, str]:
    """Return the cells of a line by what their columns mean."""
    plain: dict[str, str] = {}
    for column, value in line.items():
        plain.setdefault(_plain(column), value.strip())
    found: dict[str, str] = {}
    for meaning, names in COLUMNS.items():
        told = [plain[name] for name in names if name in plain]
        if told:
            found[meaning] = told[0]
    return found


def _plain(column: str) -> str:
    """Write a name in small letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", column.lower())


def near_misses(columns: Sequence[str], lacking: Sequence[str]) -> str:
    """Say which column may be the one that lacks, by its name."""
    told = []
    plain = {_plain(column): column for column in columns}
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


def _tidied(line: dict[str, str], *, decimal: bool) -> dict[str, str]:
    """Write classes in one way: a name for rows of 0 and 1, 1 for 1.0, a point for a comma."""
    if decimal:
        line = {name: re.sub(r"^(-?\d+),(\d+)$", r"\1.\2", cell) for name, cell in line.items()}
    hot = {found[1]: line[name] for name in line if (found := _ONE_HOT.fullmatch(name.strip()))}
    if len(hot) > 1 and "truth" not in known_cells(line):
        ones = [name for name, cell in hot.items() if cell.strip() in ("1", "1.0", "True", "true")]
        line = {**line, "truth": ones[0] if len(ones) == 1 else ""}
    return {
        name: re.sub(r"\.0+$", "", cell) if re.fullmatch(r"\s*-?\d+\.0+\s*", cell) else cell
        for name, cell in line.items()
    }


def _npz_lines(path: Path) -> list[dict[str, str]]:
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            f"{path} is no .npz file of plain arrays ({error}). Save it without pickled objects."
        ) from error
    names = _named(arrays, _CLASSES)
    columns: dict[str, Sequence[object]] = {}
    for name, array in arrays.items():
        plain = _plain(name)
        if array.ndim == 2 and plain in COLUMNS["truth"]:
            places = array.argmax(axis=1).tolist()
            columns["truth"] = [names[i] if names else i for i in places]
        elif array.ndim == 2 and plain in (*_SCORES, *COLUMNS["predicted"]):
            for i in range(array.shape[1]):
                columns[f"score_{names[i] if names else i}"] = array[:, i].tolist()
        elif array.ndim == 1 and plain not in _CLASSES:
            columns[name] = array.tolist()
    lengths = {name: len(values) for name, values in columns.items()}
    if not columns or len(set(lengths.values())) > 1:
        raise DataError(
            f"{path} has arrays of the lengths {lengths}; expected one value a prediction in each."
        )
    cells = zip(*([str(value) for value in values] for values in columns.values()), strict=True)
    return [_tidied(dict(zip(columns, line, strict=True)), decimal=False) for line in cells]


def _named(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> list[str]:
    for name, array in arrays.items():
        if _plain(name) in names and array.ndim == 1:
            return [str(value) for value in array.tolist()]
    return []
