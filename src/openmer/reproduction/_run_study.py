"""Running a study: every row trained and evaluated on the study's clips, or why it was not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from openmer.clip import Clip
from openmer.datasets import ClipSource, labelled
from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.evaluation import (
    Progress,
    Protocol,
    RunInfo,
    Summary,
    evaluate,
    load_run,
    require_classes,
)
from openmer.methods import Method
from openmer.models import create_model, load_weights, stored_backbone
from openmer.preprocessing import median_magnification
from openmer.reports import corpus_word
from openmer.reproduction._rows import (
    WEIGHTS,
    Changes,
    check_weights,
    is_own,
    pretrain_command,
    row_method,
)
from openmer.reproduction._study import Study, StudyRow
from openmer.training import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """A row with its scores.

    Attributes:
        row: The row.
        honest: Our run under an honest rule; None where it was not run, or makes a leak on purpose.
        leaky: Our run with that leak, or with the epoch chosen on the tested subject; None where
            neither was asked for.
        folder: Where the honest run lies; None where it was not run.
        times: How many times as large `magnify` makes a movement, over half of the clips; None
            where it was not run, or does not magnify.
        why_not: Why it was not run; empty where it was.
    """

    row: StudyRow
    honest: tuple[RunInfo, Summary] | None = None
    leaky: tuple[RunInfo, Summary] | None = None
    folder: Path | None = None
    times: float | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRun:
    """How a study is run.

    Attributes:
        protocol: Seeds; the epoch rule is that of each row's method.
        leaky: Whether every row is also run with the epoch chosen on the tested subject, where the
            paper prints a number that this could explain.
        out: Where runs are kept; what is there already is not run again.
        resources: Device, processes, memory.
        changes: What the user changes in the rows.
    """

    protocol: Protocol
    leaky: bool
    out: Path
    resources: Resources
    changes: Changes = field(default_factory=Changes)


def silent(_: StudyRow) -> AbstractContextManager[Progress | None]:
    """Report nothing."""
    return nullcontext()


def run_study(
    study: Study,
    clips: Sequence[Clip] | ClipSource,
    how: StudyRun,
    on_progress: Callable[[StudyRow], AbstractContextManager[Progress | None]] = silent,
) -> list[StudyResult]:
    """Train and evaluate every row of a study of kind ``scores`` or ``t-tests``.

    A row that cannot be run, for want of weights or of a network to fetch them, says why and does
    not stop the others.

    Raises:
        ConfigError: A file of weights is given by a key that no row has, or a value is replaced
            that a row sets itself.
        DataError: The study evaluates one corpus, and no clip of it is given.
        ProtocolError: A class of that corpus has no clip.
    """
    check_weights(study, how.changes)
    clips = study_clips(study, clips, how.changes)
    results = []
    for row in study.rows:
        with on_progress(row) as report:
            results.append(_run_row(study, row, clips, how, report))
    return results


def study_clips(
    study: Study, clips: Sequence[Clip] | ClipSource, changes: Changes | None = None
) -> Sequence[Clip] | ClipSource:
    """Return the clips that a study evaluates: those of its corpus, or all where it names none."""
    if not study.corpus:
        return clips
    given = clips.clips if isinstance(clips, ClipSource) else clips
    own = tuple(clip for clip in given if clip.corpus == study.corpus)
    title = corpus_word(study.corpus)
    advice = f"Give --corpus {study.corpus}, or a manifest with its clips."
    if not own:
        corpora = ", ".join(sorted({clip.corpus for clip in given})) or "none"
        raise DataError(
            f"{study.name} evaluates clips of {title} alone (corpus {study.corpus}), and none is "
            f"among the {len(given)} clips given, which are of: {corpora}. {advice}"
        )
    runnable = [row for row in study.rows if row.run]
    schemes = (row_method(study, row, changes).scheme for row in runnable if is_own(study, row))
    for name, scheme in sorted({scheme.name: scheme for scheme in schemes}.items()):
        try:
            labelled(own, scheme.resolved(own))
        except ProtocolError as error:
            raise ProtocolError(
                f"{study.name}, {name}, with {len(own)} of {len(given)} clips: {error} A "
                f"composite has only a part of {title}. {advice}"
            ) from error
    return clips.only(study.corpus) if isinstance(clips, ClipSource) else own


def _run_row(
    study: Study,
    row: StudyRow,
    clips: Sequence[Clip] | ClipSource,
    how: StudyRun,
    report: Progress | None,
) -> StudyResult:
    if not row.run:
        return StudyResult(row=row, why_not="only quoted")
    changes = how.changes
    if row.weights and row.weights not in changes.weights and not _starts_otherwise(changes):
        command = pretrain_command(study, row, changes)
        return StudyResult(row=row, why_not=f"needs weights: {command}")
    try:
        return _evaluated(study, row, clips, how, report)
    except ConfigError as error:  # what the user sets, this method or its network may not know
        if is_own(study, row):
            raise
        return StudyResult(row=row, why_not=str(error).rstrip("."))


def _evaluated(
    study: Study,
    row: StudyRow,
    clips: Sequence[Clip] | ClipSource,
    how: StudyRun,
    report: Progress | None,
) -> StudyResult:
    """Train and evaluate a row, or say what weights it lacks."""
    try:
        method = row_method(study, row, how.changes)
        require_weights(method)
    except DataError as error:
        return StudyResult(row=row, why_not=_why(study, row, how.changes, error))
    own = how.protocol.model_copy(update={"epoch_rule": method.epoch_rule})
    if row.leak:
        name = "epoch_rule" if row.leak == "held_out" else "leak"
        made = own.model_copy(update={name: row.leak})
        return StudyResult(row=row, leaky=load_run(_score(method, clips, how, made, report)))
    folder = _score(method, clips, how, own, report)
    leaky = None
    if how.leaky and study.prints:
        held_out = how.protocol.model_copy(update={"epoch_rule": "held_out"})
        leaky = load_run(_score(method, clips, how, held_out, report))
    given = clips.clips if isinstance(clips, ClipSource) else clips
    return StudyResult(
        row=row,
        honest=load_run(folder),
        leaky=leaky,
        folder=folder,
        times=median_magnification(method.steps, given) if study.magnified else None,
    )


def _why(study: Study, row: StudyRow, changes: Changes, error: DataError) -> str:
    """Say why a row has no weights; as published, with the command that makes them."""
    if not changes.as_published:
        return str(error).rstrip(".")
    return f"needs weights as published: {pretrain_command(study, row, changes)}"


def _starts_otherwise(changes: Changes) -> bool:
    """Whether the user says for all rows what they start from."""
    return any(text.partition("=")[0].strip() == WEIGHTS for text in changes.overrides)


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


def _score(
    method: Method,
    clips: Sequence[Clip] | ClipSource,
    how: StudyRun,
    protocol: Protocol,
    report: Progress | None,
) -> Path:
    require_classes(method)
    return evaluate(
        method, clips, protocol, out=how.out, resources=how.resources, on_progress=report
    )
