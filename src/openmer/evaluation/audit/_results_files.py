"""The shapes in which others keep predictions: tables, a folder of a file a fold, arrays, JSON."""

from __future__ import annotations

import re
from pathlib import Path

from openmer._csv_rows import csv_records, csv_text
from openmer.errors import DataError
from openmer.evaluation.audit._results_arrays import json_lines, npz_lines
from openmer.evaluation.audit._results_cells import known_cells
from openmer.files import is_of_the_system

Lines = dict[int, dict[str, str]]
_TABLES = frozenset({".csv", ".tsv", ".txt", ".npz", ".json", ".jsonl"})
_JSON = (".json", ".jsonl")
_ONE_HOT = re.compile(r"(?:truth|true|gt|y_?true|label|target|onehot)[_ .-]+(.+)", re.IGNORECASE)
_LEARNED = re.compile(r"(?:.*[_. -])?(?:train|training|val|valid|validation|dev)(?:[_. -].*)?")


def read_files(path: Path) -> dict[Path, Lines]:
    """Read predictions: a table, arrays (``.npz``), JSON, or a folder with one of these a fold.

    Classes written as rows of 0 and 1 become names, and whole numbers lose their ``.0``. A text
    beside the tables of a folder, such as a log, is left out. A folder may have its tables in
    folders of their own, one a fold.

    Returns:
        The lines of each file by their numbers, at least one.

    Raises:
        DataError: It is none of these.
    """
    if not path.is_dir():
        return {path: _lines_of(path)}
    files = _tables_in(path)
    inner = {} if files else {own: _tables_in(own) for own in sorted(path.iterdir())}
    if any(len(own) > 1 for own in inner.values()):
        folder = next(own for own, inside in inner.items() if len(inside) > 1)
        raise DataError(
            f"{folder} has {len(inner[folder])} tables, expected one: the predictions of its fold. "
            "Move the others away."
        )
    folds = {file: file.stem for file in files}
    folds |= {file: own.name for own, inside in inner.items() for file in inside}
    if not folds:
        raise DataError(f"{path} has no {', '.join(sorted(_TABLES))} file. Give one a fold.")
    learned = [file for file in folds if _LEARNED.fullmatch(file.stem.lower())]
    if learned:
        raise DataError(
            f"{learned[0]} is of a training, by its name. Move away what is no test of a fold."
        )
    return {file: _of_fold(file, fold) for file, fold in folds.items()}


def _tables_in(folder: Path) -> list[Path]:
    """Return the tables of a folder, sorted; texts count where their first line is a header."""
    if not folder.is_dir():
        return []
    files = sorted(
        one
        for one in folder.iterdir()
        if one.suffix.lower() in _TABLES and not is_of_the_system(one.name)
    )
    tables = [file for file in files if file.suffix.lower() != ".txt" or _is_table(file)]
    return tables or files


def _of_fold(file: Path, fold: str) -> Lines:
    """Read the table of one fold, whose name says who is held out where its columns do not."""
    found = {}
    for at, line in _lines_of(file).items():
        known = known_cells(line)
        found[at] = {**line, **{name: fold for name in ("fold", "subject") if name not in known}}
    return found


def _is_table(path: Path) -> bool:
    """Whether the first line of a text is a header with a column that is known."""
    head = next(iter(text_of(path).splitlines()), "")
    return any(known_cells(dict.fromkeys(head.split(mark), "")) for mark in ",;\t" if mark in head)


def _lines_of(path: Path) -> Lines:
    """Read one file by the kind that its name tells."""
    suffix = path.suffix.lower()
    if suffix not in (".npz", *_JSON):
        return table_lines(path)
    lines = npz_lines(path) if suffix == ".npz" else json_lines(path, text_of(path))
    return {at: _tidied(line, decimal=False) for at, line in enumerate(lines, start=1)}


def table_lines(path: Path) -> Lines:
    """Read a table with a header, separated by commas, semicolons or tabs, by numbers of lines.

    Raises:
        DataError: It is none; a column stands there twice; or a line has more or fewer cells.
    """
    text = text_of(path)
    stated = re.match(r"\s*sep=([,;\t])\s*[\r\n]+", text, flags=re.IGNORECASE)
    text = text[stated.end() :] if stated else text
    head = next(filter(str.strip, text.splitlines()), "")
    separator = stated[1] if stated else max(",;\t", key=head.count)
    header, found = csv_records(path, text, separator)
    lines = {at + bool(stated): line for at, line in found if any(map(str.strip, line.values()))}
    if not lines or separator not in head:
        raise DataError(f"{path} is no table. Expected CSV with a header and a line a prediction.")
    short = [at for at, line in lines.items() if len(line) < len(set(header))]
    if short:
        raise DataError(
            f"{path} line {short[0]} has {len(lines[short[0]])} cells, expected {len(header)}, as "
            "many as the header has. Complete the file."
        )
    *before, last = [line[header[-1]] for line in lines.values()]
    is_part = last not in before and any(one.startswith(last) for one in before)
    if is_part and last[-1:].isalpha() and not text.endswith(("\n", "\r")):
        raise DataError(
            f"{path} ends with {last!r}, a part of what other lines have, and no end of a line: it "
            "may be cut off. Copy it again from its source, or end the line."
        )
    return {
        at: _tidied({name: line[name] for name in header if name}, decimal=separator == ";")
        for at, line in lines.items()
    }


def text_of(path: Path) -> str:
    """Read text, UTF-8 or, where it says so itself, UTF-16.

    Raises:
        DataError: It is missing, no text, or has more than 50 MB.
    """
    return csv_text(
        path,
        "text, such as a CSV table",
        "Give a table in UTF-8, a folder of them, JSON, or an .npz file.",
    )


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
