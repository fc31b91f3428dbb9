"""``openmer search``: choose settings on everybody's clips, for a model that is to be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tomli_w
import typer

from openmer import deployment, evaluation
from openmer.cli._console import errors, output, progress
from openmer.cli._option_groups import Clips, FoldCompute, Work, tell_failures
from openmer.cli._options import MOST_SEED, Json, Storage
from openmer.errors import ConfigError
from openmer.files import replace_file, require_own

if TYPE_CHECKING:
    from openmer.methods import Method
    from openmer.training import Searched


def search(
    work: Work,
    out: Annotated[Path, typer.Option("--out", help="File of the method with what was chosen.")],
    clips: Clips,
    compute: FoldCompute,
    storage: Storage = "",
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=MOST_SEED, help="Seed of the trainings.")
    ] = 0,
    runs: Annotated[
        Path, typer.Option("--runs", help="Where trials and their history are kept.")
    ] = Path("runs"),
    as_json: Json = False,
) -> None:
    """Choose settings by groups of all subjects; what they score on these subjects is no result."""
    chosen = work.load()
    evaluation.require_classes(chosen)
    _require_search(chosen)
    _refuse_taken(out)
    source = work.read(clips)
    rule = deployment.epoch_rule_of(chosen)
    protocol = evaluation.Protocol(epoch_rule=rule, seeds=(seed,))
    with progress(chosen.title) as report:
        task = work.prepare(chosen, source, protocol, compute.workers, report)
        folder = evaluation.run_folder(task, protocol, runs)
        found = evaluation.settled(
            task,
            evaluation.everybody(task),
            epoch_rule=rule,
            seed=seed,
            resources=compute.resources,
            folder=folder,
            storage=storage,
            on_progress=report,
        ).method
    _write(out, found)
    _show(out, folder, found.searched, as_json=as_json)
    tell_failures(task)


def _require_search(method: Method) -> None:
    if method.search is None:
        raise ConfigError(
            f"Method {method.name} has no [search], so there is nothing to try. Add one to its "
            "file, or give --search FILE with one."
        )


def _refuse_taken(out: Path) -> None:
    """Refuse to replace a file that no search wrote, before time is spent."""
    if out.suffix != ".toml":
        raise ConfigError(f"--out is {out}, expected a file that ends in .toml.")
    require_own({out: "[searched]"})


def _write(out: Path, method: Method) -> None:
    named = {"name": f"{method.name}-searched", "title": f"{method.title}, searched"}
    table = method.model_copy(update=named).model_dump(mode="json", exclude_none=True)
    replace_file(out, tomli_w.dumps(table))


def _show(out: Path, folder: Path, searched: Searched | None, *, as_json: bool) -> None:
    """Print what was chosen, and what its score means."""
    if searched is None:
        return
    history = folder / evaluation.FOLDER / evaluation.HISTORY
    if as_json:
        record = searched.model_dump(mode="json")
        typer.echo(json.dumps({"method": str(out), **record, "history": str(history)}))
        return
    for key, value in searched.settings.items():
        output.print(f"{key} = {value}", highlight=False)
    score = "UF1" if searched.score == "uf1" else "loss"
    lines = [
        f"Inner {score} {searched.inner_score:.3f}, the best of {searched.trials} trials on "
        f"{searched.clips} clips of {len(searched.subjects)} subjects: too good for an estimate.",
        f"Method: {out}",
        "To train it: openmer train, with --no-estimate on these subjects. To evaluate the search: "
        "openmer evaluate on the method it began with, with its [search].",
    ]
    for line in lines:
        output.print(line, highlight=False, soft_wrap=True)
    errors.print(f"Trials: {history}", soft_wrap=True)
