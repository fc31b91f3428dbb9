"""Read label schemes: by name, from a file, with further words, or one class per word."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from openmer.config import read_toml, validate
from openmer.datasets._labels import AS_ANNOTATED, SCHEMES, LabelScheme
from openmer.datasets._numbers import read_whole
from openmer.datasets._table import Row, RowProblem, TableForm, read_table, shortened
from openmer.errors import ConfigError

_FORM = TableForm(
    kind="a label scheme",
    item="word",
    columns=("word", "class", "reason"),
    required=("word", "class"),
    filled=("word",),
    repeated="keep one of them",
)


def label_scheme(spec: str | LabelScheme) -> LabelScheme:
    """Return a label scheme.

    Args:
        spec: A name (`list_label_schemes`); the path of a TOML or CSV file; ``as-annotated``, which
            makes every word a class, or ``as-annotated:5``, every word with five clips or more;
            ``au:4``, whether action unit 4 is present or absent;
            with ``,word=class`` behind it for each further word, and ``,word=`` to drop one.

    Raises:
        ConfigError: No scheme has that name (the nearest one is suggested), or a file is wrong.
        DataError: A CSV file is wrong.
    """
    if isinstance(spec, LabelScheme):
        return spec
    base, *changes = _parts(spec)
    if base.lower().endswith((".toml", ".csv")):
        scheme = _from_file(Path(base))
    elif base.partition(":")[0] == AS_ANNOTATED:
        scheme = _as_annotated(base)
    elif base.lower().startswith("au:"):
        scheme = _one_unit(base)
    else:
        scheme = SCHEMES[base]
    return scheme.extended(changes) if changes else scheme


def _parts(spec: str) -> list[str]:
    """Split a scheme from the words behind it; the name of a file may hold commas, too."""
    parts = [part.strip() for part in spec.split(",")]
    for count in range(len(parts), 0, -1):
        path = ",".join(spec.split(",")[:count]).strip()
        if path.lower().endswith((".toml", ".csv")) and (count == 1 or Path(path).is_file()):
            return [path, *parts[count:]]
    return parts


def _read(spec: object) -> object:
    """Leave a plain name as it is; read what else a text may stand for."""
    more = isinstance(spec, str) and (spec == AS_ANNOTATED or any(sign in spec for sign in ":,."))
    return label_scheme(str(spec)) if more else spec


LabelSchemeField = Annotated[str | LabelScheme, BeforeValidator(_read)]
"""Of a method: a name, or the scheme itself, which is then kept with every result."""


def _from_file(path: Path) -> LabelScheme:
    if path.suffix.lower() == ".csv":
        rows = read_table(path, _FORM, make=_word_of, key=lambda row: row[0])
        words = {word: name for word, name in rows if name}
        table: dict[str, Any] = {
            "classes": tuple(dict.fromkeys(words.values())),
            "words": words,
            "dropped": tuple(word for word, name in rows if not name),
        }
    else:
        table = read_toml(path, "label scheme")
        table = table.get("label_scheme", table)
    if isinstance(table, dict):
        table = {"name": path.stem, **table}
    return validate(LabelScheme, table, f"Label scheme {path}")


def _word_of(row: Row) -> tuple[str, str]:
    word, name = row["word"].lower(), row.get("class", "")
    if name in ("refused", "dropped"):
        raise RowProblem(f"the class is called {name!r}; to drop a word leave its class empty")
    if name.upper() in ("NA", "N/A"):  # as R and Excel write an empty cell
        raise RowProblem(
            f"the class is called {name!r}, which may mean that there is none; to drop a word "
            "leave its class empty, else give the class another name"
        )
    return word, name


def _one_unit(spec: str) -> LabelScheme:
    number = read_whole(spec[3:])
    if number is None or not 0 < number < 100:
        raise ConfigError(
            f"Label scheme {shortened(spec)}: found {shortened(spec[3:].strip())}, expected an "
            "action unit, as in au:4."
        )
    return LabelScheme(
        name=f"au:{number}",
        classes=("absent", "present"),
        by="action_units",
        unit=number,
        source="Facial Action Coding System: the clip shows the unit, on either side, or does not",
    )


def _as_annotated(spec: str) -> LabelScheme:
    text = spec.partition(":")[2]
    count = read_whole(text or "1")
    if not count:
        raise ConfigError(
            f"Label scheme {shortened(spec)}: found {shortened(text)} behind the colon, expected "
            f"the number of clips that make a word a class, as in {AS_ANNOTATED}:5."
        )
    return LabelScheme(name=spec, source="every word of the annotators is a class", minimum=count)
