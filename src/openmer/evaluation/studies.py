"""Studies: the tables of a paper, run anew and laid beside what the paper prints."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from openmer.clip import Clip
from openmer.datasets.source import ClipSource
from openmer.errors import ConfigError, DataError, unknown_name
from openmer.evaluation.published import PublishedResult, published_results
from openmer.evaluation.run import judge
from openmer.evaluation.run_info import RunInfo, load_run
from openmer.evaluation.summary import Summary
from openmer.evaluation.task import Progress, Protocol
from openmer.methods import Method, load_method
from openmer.models import create_model
from openmer.models.weights import load_weights, stored_backbone
from openmer.training import Resources
from openmer.training.config import Record

_SUFFIX = ".toml"


class StudyRow(Record):
    """One line of a study.

    Attributes:
        label: How the table calls it.
        method: Method, where it is not the study's.
        set: Overrides of the method, as ``--set`` takes them.
        weights: Key of a file of weights that the user gives; empty for the method's own.
        pretrain: The command that makes such a file.
        run: Whether OpenMER can run it; a line that is only quoted cannot be.
        published: The paper's name of it, in the list of published numbers.
    """

    label: str
    method: str = ""
    set: tuple[str, ...] = ()
    weights: str = ""
    pretrain: str = ""
    run: bool = True
    published: str = ""


class Study(Record):
    """A table or figure of a paper.

    Attributes:
        name: ``<method>/<study>``.
        title: What it compares.
        kind: ``scores`` trains and judges every row, ``size`` counts weights and operations,
            ``maps`` draws feature maps.
        source: The paper, as the list of published numbers calls it.
        tables: Numbers of its tables.
        method: The method that the rows change.
        per_class: Whether the paper's table has a score per class.
        note: What to know before comparing.
        rows: The lines.
    """

    name: str
    title: str
    kind: Literal["scores", "size", "maps"]
    source: str
    tables: tuple[str, ...] = ()
    method: str
    per_class: bool = False
    note: str = ""
    rows: tuple[StudyRow, ...]

    def published(self, row: StudyRow) -> PublishedResult | None:
        """What the paper prints for a row, on the full data."""
        for result in published_results():
            printed = result.source == self.source and result.table in self.tables
            if printed and result.method == row.published and result.part == "full":
                return result
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """A row with its scores.

    Attributes:
        row: The row.
        published: The paper's numbers; None where it prints none.
        honest: Our run under an honest rule; None where it was not run.
        leaky: Our run with the epoch chosen on the tested person; None where it was not asked for.
        why_not: Why it was not run; empty where it was.
    """

    row: StudyRow
    published: PublishedResult | None
    honest: tuple[RunInfo, Summary] | None = None
    leaky: tuple[RunInfo, Summary] | None = None
    why_not: str = ""


def list_studies() -> list[str]:
    """Names of all studies, as ``efficient-me/depth``, sorted."""
    top = resources.files("openmer.studies")
    return sorted(
        f"{folder.name}/{file.name.removesuffix(_SUFFIX)}"
        for folder in top.iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(_SUFFIX)
    )


def load_study(name: str) -> Study:
    """A study by its name, or the path of a TOML file of one's own.

    Raises:
        ConfigError: No such study (the nearest is given), or the file is not one.
    """
    path = Path(name)
    if path.suffix != _SUFFIX and name not in list_studies():
        raise unknown_name("study", name, list_studies())
    try:
        if path.suffix == _SUFFIX:
            text = path.read_text(encoding="utf-8")
        else:
            file = resources.files("openmer.studies").joinpath(f"{name}{_SUFFIX}")
            text = file.read_text(encoding="utf-8")
        return Study.model_validate({"name": name, **tomllib.loads(text)})
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(f"Study {name} cannot be read: {error}") from error


def row_method(
    study: Study, row: StudyRow, overrides: Sequence[str] = (), weights: Path | None = None
) -> Method:
    """The method of a row: its own overrides first, then those of the user."""
    given = [] if weights is None else [f'model.weights="{weights.as_posix()}"']
    return load_method(row.method or study.method, [*row.set, *given, *overrides])


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRun:
    """How a study is run.

    Attributes:
        protocol: Seeds; the epoch rule is that of each row's method.
        leaky: Whether every row is also run with the epoch chosen on the tested person.
        out: Where runs are kept; what is there already is not run again.
        resources: Device, processes, memory.
        overrides: Applied to the method of every row.
        weights: Files of weights by the keys of the rows.
    """

    protocol: Protocol
    leaky: bool
    out: Path
    resources: Resources
    overrides: tuple[str, ...] = ()
    weights: Mapping[str, Path]


def _silent(_: StudyRow) -> AbstractContextManager[Progress | None]:
    return nullcontext()


def run_study(
    study: Study,
    clips: Sequence[Clip] | ClipSource,
    how: StudyRun,
    on_progress: Callable[[StudyRow], AbstractContextManager[Progress | None]] = _silent,
) -> list[StudyResult]:
    """Train and judge every row of a study of kind ``scores``.

    A row that cannot be run, for want of weights or of a network to fetch them, says why and does
    not stop the others.
    """
    results = []
    for row in study.rows:
        with on_progress(row) as report:
            results.append(_run_row(study, row, clips, how, report))
    return results


def _run_row(
    study: Study,
    row: StudyRow,
    clips: Sequence[Clip] | ClipSource,
    how: StudyRun,
    report: Progress | None,
) -> StudyResult:
    published = study.published(row)
    if not row.run:
        return StudyResult(row=row, published=published, why_not="only quoted")
    if row.weights and row.weights not in how.weights:
        why = f"needs weights: {row.pretrain}, then --weights {row.weights}=FILE"
        return StudyResult(row=row, published=published, why_not=why)
    method = row_method(study, row, how.overrides, how.weights.get(row.weights))
    try:
        require_weights(method)
    except DataError as error:
        return StudyResult(row=row, published=published, why_not=str(error).rstrip("."))
    own = how.protocol.model_copy(update={"epoch_rule": method.epoch_rule})
    honest = _judge(method, clips, how, own, report)
    leaky = None
    if how.leaky:
        held_out = how.protocol.model_copy(update={"epoch_rule": "held_out"})
        leaky = _judge(method, clips, how, held_out, report)
    return StudyResult(row=row, published=published, honest=honest, leaky=leaky)


def require_weights(method: Method) -> None:
    """Make sure that the stored weights a method starts from are at hand.

    Raises:
        DataError: They are not.
    """
    if method.model is None or not method.model.weights:
        return
    if method.model.weights != "imagenet":
        load_weights(method.model.weights)
        return
    stored_backbone(create_model(method.model.name, **method.model.parameters), "imagenet")


def _judge(
    method: Method,
    clips: Sequence[Clip] | ClipSource,
    how: StudyRun,
    protocol: Protocol,
    report: Progress | None,
) -> tuple[RunInfo, Summary]:
    return load_run(
        judge(method, clips, protocol, out=how.out, resources=how.resources, on_progress=report)
    )
