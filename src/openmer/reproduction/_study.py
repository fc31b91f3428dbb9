"""Studies: the tables of a paper as data, to be run again and laid beside what the paper prints."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal

from openmer.config import read_toml, validate
from openmer.errors import unknown_name
from openmer.reports import PublishedResult, corpus_word, published_results
from openmer.training import Record

WHOLE = "full"
"""The part of the data that is all of it, as the list of published numbers calls it."""

_SUFFIX = ".toml"


class StudyRow(Record):
    """One line of a study.

    Attributes:
        label: How the table calls it.
        method: Method, where it is not the study's.
        set: Overrides of the method, as ``--set`` takes them.
        without: Recipe steps of the method that are left out, by their names.
        weights: Key of a file of weights that the user has to give; empty for the method's own,
            which a user may replace by the key that is made of the label.
        pretraining: What the pretraining of such weights sets, beside what the row sets of the
            model (``pretraining.scheme=...``).
        fixed: Whether what the user sets leaves the row as it is.
        parts: Of a study of kind ``size``: whether its parts follow, each on a line.
        run: Whether OpenMER can run it; a line that is only quoted cannot be.
        leak: A leak to make on purpose, the epoch rule ``held_out`` or one of
            `openmer.evaluation.LEAKS`; the row has LEAKY scores alone. Empty for none.
        published: The paper's name of it, in the list of published numbers.
        printed_f1: F1 of each class that the paper prints, in the order of the classes.
        pretrained: Of a study of kind ``maps``: whether the network is drawn with the weights that
            every fold begins with, and not as the fold without the clip's subject trains it.
    """

    label: str
    method: str = ""
    set: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    weights: str = ""
    pretraining: tuple[str, ...] = ()
    fixed: bool = False
    parts: bool = False
    run: bool = True
    leak: Literal["", "held_out", "carried_weights", "substring_subjects", "global_scaling"] = ""
    published: str = ""
    printed_f1: tuple[float, ...] = ()
    pretrained: bool = False


class Study(Record):
    """A table or figure of a paper.

    Attributes:
        name: ``<method>/<study>``; of a file of one's own, its name without the ending.
        title: What it compares.
        kind: ``scores`` trains and evaluates every row, ``size`` counts weights and operations,
            ``maps`` draws feature maps, ``saliency`` saliency maps, ``curves`` the accuracy of a
            training epoch by epoch, ``macro`` shows macro- beside micro-expressions, ``t-tests``
            compares the first row with every other.
        source: The paper, as the list of published numbers calls it.
        tables: Numbers of its tables.
        method: The method that the rows change.
        corpus: The corpus whose clips alone are evaluated; empty for all clips that are given.
        parts: Of which clips the table has scores, all from the same predictions: names of
            corpora, or "full". Empty is the `corpus`, else all clips.
        across: Whether the parts stand beside one another, and not below.
        scores: Names of the metrics of the paper's table, in its order.
        per_class: Whether the paper's table has a score per class.
        drawn: Whether the paper shows the scores as a figure.
        magnified: Whether the table tells what the step ``magnify`` did to the clips.
        per_weight: Whether the table has two operations per weight beside the real count.
        note: What to know before comparing.
        set: Overrides of every row of the study's own method, before its own.
        rows: The lines.
    """

    name: str
    title: str
    kind: Literal["scores", "size", "maps", "saliency", "curves", "macro", "t-tests"]
    source: str
    tables: tuple[str, ...] = ()
    method: str
    corpus: str = ""
    parts: tuple[str, ...] = ()
    across: bool = False
    scores: tuple[str, ...] = ("uf1", "uar")
    per_class: bool = False
    drawn: bool = False
    magnified: bool = False
    per_weight: bool = False
    note: str = ""
    set: tuple[str, ...] = ()
    rows: tuple[StudyRow, ...]

    @property
    def shown_parts(self) -> tuple[str, ...]:
        """The corpora that the table has scores of; "full" is all clips."""
        return self.parts or (self.corpus or WHOLE,)

    @property
    def prints(self) -> bool:
        """Whether the paper prints a number for any row: without one a leak explains nothing."""
        return any(row.published for row in self.rows)

    def published(self, row: StudyRow, part: str = "") -> PublishedResult | None:
        """Return what the paper prints for a row.

        Args:
            row: One of `rows`.
            part: One of `shown_parts`; the first of them by default.
        """
        part = part or self.shown_parts[0]
        for result in published_results():
            printed = result.source == self.source and result.table in self.tables
            if printed and (result.method, result.part) == (row.published, part):
                return result
        return None


def part_word(part: str) -> str:
    """Return what a table calls a part of the clips."""
    return "all" if part == WHOLE else corpus_word(part)


def list_studies() -> list[str]:
    """Names of all studies, as ``efficient-me/depth``, sorted."""
    top = resources.files("openmer.reproduction.studies")
    return sorted(
        f"{folder.name}/{file.name.removesuffix(_SUFFIX)}"
        for folder in top.iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(_SUFFIX)
    )


def load_study(name: str) -> Study:
    """Read a study by its name, or from the path of a TOML file of one's own.

    Raises:
        ConfigError: No such study (the nearest is given), or the file is not one.
    """
    path = Path(name)
    own = path.suffix == _SUFFIX
    if not own and name not in list_studies():
        raise unknown_name("study", name, list_studies())
    studies = resources.files("openmer.reproduction.studies")
    file = path if own else studies.joinpath(f"{name}{_SUFFIX}")
    table = read_toml(file, "study file")
    return validate(Study, {"name": path.stem if own else name, **table}, f"Study {name}")
