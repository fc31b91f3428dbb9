"""``openmer audit``: prove that no fold of a method sees its held-out subject."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.markup import escape

from openmer import evaluation
from openmer.cli._console import output, progress, tell
from openmer.cli._option_groups import Clips, Compute, Work, tell_failures
from openmer.cli._options import Json, MethodName, Out, ProtocolOption, Rule
from openmer.errors import ConfigError
from openmer.files import require_room

if TYPE_CHECKING:
    from openmer.evaluation import AuditRecord, Finding, Task
    from openmer.methods import Method


@dataclass(frozen=True, slots=True)
class AuditedWork(Work):
    """A method and its clips; the method may be left out where results are checked."""

    method: MethodName = ""

    def load(self) -> Method:
        """Load the method.

        Raises:
            ConfigError: None is given, or as `Work.load`.
        """
        if not self.method:
            raise ConfigError(
                "Found neither a method nor --predictions, expected one: openmer audit METHOD for "
                "a method, or openmer audit --predictions FILE for published results."
            )
        return Work.load(self)


@dataclass(frozen=True, slots=True)
class Results:
    """Other people's results."""

    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Check published results in place of a method: CSV with subject, truth, and "
            "predicted or score_<class>; clip, fold, seed, epoch, corpus where there are. Or JSON, "
            ".npz, or a folder of a file for each fold."
        ),
    ] = None
    folds: Annotated[
        Path | None, typer.Option(help="Their folds: CSV with fold, part (train, test), subject.")
    ] = None
    log: Annotated[
        Path | None, typer.Option(help="Their log: scores, of the whole or by epoch and fold.")
    ] = None
    claim: Annotated[
        list[str] | None, typer.Option(help="A score that they print: uf1=0.871. May be repeated.")
    ] = None


def audit(
    work: AuditedWork,
    clips: Clips,
    compute: Compute,
    results: Results,
    epoch_rule: Rule = None,
    protocol: ProtocolOption = "loso",
    subjects: Annotated[
        int, typer.Option(min=0, help="Held-out subjects, or groups, to poison; 0 is everybody.")
    ] = 3,
    epochs: Annotated[
        int, typer.Option(min=0, help="Budget of the poisoned trainings; 0 is the method's own.")
    ] = 4,
    full: Annotated[
        bool, typer.Option("--full", help="All subjects, and the whole budget of the method.")
    ] = False,
    minutes: Annotated[
        float,
        typer.Option(
            min=0, max=100_000, help="After which no other subject is begun; 0: no bound."
        ),
    ] = 10,
    pretraining_images: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER|FILE.csv",
            help="Images that made the method's weights: no tested subject may be on them.",
        ),
    ] = None,
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Change each held-out subject's clips and labels, and compare; exit code 1 on a leak.

    The verdict is stored beside the run that it is about, below --out, and reports show it. With
    --predictions, other people's results are checked; --manifest or --corpus then name the clips
    that they should have tested.
    """
    if results.predictions is not None:
        of_methods = {
            "METHOD": work.method, "--set": work.overrides, "--search": work.search,
            "--epoch-rule": epoch_rule, "--full": full, "--pretraining-images": pretraining_images,
        }  # fmt: skip
        _require_none(of_methods, "belongs to the audit of a method. Leave out it or --predictions")
        _check(results.predictions, results, clips, work.label_scheme, as_json=as_json)
    of_results = {"--folds": results.folds, "--log": results.log, "--claim": results.claim}
    _require_none(of_results, "belongs to published results. Give --predictions FILE, too")
    chosen = work.load()
    require_room(out)
    source = work.read(clips)
    how = evaluation.Protocol(epoch_rule=epoch_rule or chosen.epoch_rule, folds=protocol)
    made_by = evaluation.pretraining_images(pretraining_images, chosen)
    with progress(chosen.title) as report:
        task = work.prepare(chosen, source, how, compute.workers, report)
        record = evaluation.audit_method(
            task,
            how,
            compute.resources,
            subjects=0 if full else subjects,
            epochs=0 if full else epochs,
            minutes=0 if full else minutes,
            images=made_by,
            on_progress=report,
        )
    folder = evaluation.run_folder(task, how, out)
    evaluation.write_audit(folder, record)
    if as_json:
        _print_json(task, record, folder)
    else:
        _print(task, record)
    tell_failures(task)
    tell(f"Stored beside its run: {folder}")
    raise typer.Exit(0 if record.clean else 1)


def _require_none(given: Mapping[str, object], what: str) -> None:
    """Refuse what would be ignored."""
    for name, value in given.items():
        if value:
            raise ConfigError(f"Found {name}, which {what}.")


def _check(
    predictions: Path, results: Results, clips: Clips, scheme: str | None, *, as_json: bool
) -> NoReturn:
    """Check published results and end: with 1 where something is wrong."""
    found = evaluation.check_published(
        predictions,
        results.folds,
        results.log,
        claims=results.claim or (),
        clips=clips.read().clips if clips.given else (),
        scheme=scheme or "megc2019-3",
    )
    if as_json:
        typer.echo(
            json.dumps({**asdict(found), "clean": found.clean, "cannot_see": evaluation.LIMITS})
        )
        raise typer.Exit(0 if found.clean else 1)
    _print_findings(found.findings)
    told = "no mistake found" if found.clean else "[red]wrong[/]"
    output.print(
        f"{escape(predictions.name)}: {told}. {found.clips} clips of {found.subjects} subjects: "
        f"{_scores(found.corrected)}. As the file stands: {_scores(found.scores)}.",
        markup=True,
        soft_wrap=True,
    )
    _print_limits()
    raise typer.Exit(0 if found.clean else 1)


def _scores(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in scores.items())


def _print_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        color = "red" if finding.severity == "leak" else "yellow"
        text = escape(finding.message)
        corrected = f" Without it: {_scores(finding.corrected)}." if finding.corrected else ""
        said = f"[{color}]{finding.severity}[/] ({finding.check}) {text}{corrected}"
        output.print(said, markup=True, soft_wrap=True)


def _print_json(task: Task, record: AuditRecord, folder: Path) -> None:
    """One JSON object."""
    told = {
        **record.to_json(),
        "protocol": task.protocol,
        "clips": len(task.clips),
        "failures": [asdict(failure) for failure in task.failures],
        "source": dict(task.source),
        "folder": str(folder),
    }
    typer.echo(json.dumps(told))


def _print(task: Task, record: AuditRecord) -> None:
    """Each finding, then the verdict, how much was tried, and what cannot be seen."""
    _print_findings(record.findings)
    what = "subjects" if task.protocol == "loso" else f"groups ({task.protocol})"
    verdict = "[green]clean[/]" if record.clean else "[red]leaks[/]"
    output.print(
        f"{escape(record.title)}, epoch rule {record.epoch_rule}: {verdict}. {record.subjects} of "
        f"{record.subjects_of} held-out {escape(what)} poisoned.",
        markup=True,
        soft_wrap=True,
    )
    if record.share:
        output.print(f"Tried in part: {record.share}. --full tries all.", soft_wrap=True)
    if record.transductive:
        output.print(f"Transductive, as it says: {record.transductive}", soft_wrap=True)
    _print_limits()


def _print_limits() -> None:
    said = f"No audit sees {'; '.join(evaluation.LIMITS)}."
    output.print(said, style="dim", soft_wrap=True)
