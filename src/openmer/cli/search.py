"""``openmer search``: choose settings on everybody's clips, for a model that is to be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer.cli._clips import clips_of, prepared
from openmer.cli._console import errors, output, progress, tell, warn
from openmer.cli._options import (
    Compiled,
    Corpus,
    Device,
    DeviceOption,
    FailureOption,
    Frames,
    Json,
    Manifest,
    MemoryGib,
    MethodName,
    OnFailure,
    Overrides,
    Roots,
    SearchFile,
    Storage,
    Variant,
    Workers,
)
from openmer.errors import ConfigError, DataError

if TYPE_CHECKING:
    from openmer.methods import Method
    from openmer.training import Searched


def search(
    method: MethodName,
    out: Annotated[Path, typer.Option("--out", help="File of the method with what was chosen.")],
    manifest: Manifest = None,
    corpus: Corpus = None,
    root: Roots = None,
    variant: Variant = None,
    frames: Frames = None,
    overrides: Overrides = None,
    search: SearchFile = None,
    storage: Storage = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the trainings.")] = 0,
    runs: Annotated[
        Path, typer.Option("--runs", help="Where trials and their history are kept.")
    ] = Path("runs"),
    device: DeviceOption = Device.auto,
    workers: Workers = 0,
    memory_gib: MemoryGib = 0.0,
    compiled: Annotated[Compiled, typer.Option(help="Compile the step.")] = Compiled.auto,
    on_failure: FailureOption = OnFailure.list_,
    as_json: Json = False,
) -> None:
    """Choose settings by groups of all subjects; what they score on these subjects is no result."""
    from openmer.deployment import epoch_rule_of
    from openmer.evaluation import Protocol, everybody, run_folder, settled
    from openmer.methods import load_method
    from openmer.preprocessing import listed
    from openmer.training import Resources

    chosen = load_method(method, overrides or (), search)
    _require_search(chosen)
    _refuse_taken(out)
    strict = on_failure == OnFailure.error
    source = clips_of(manifest, corpus, root, variant=variant, frames=frames, strict=strict)
    warn(source.warning)
    protocol = Protocol(epoch_rule=epoch_rule_of(chosen), seeds=(seed,))
    with progress(chosen.title) as report:
        task = prepared(chosen, source, protocol, workers, on_failure, report)
        folder = run_folder(task, protocol, runs)
        found = settled(
            task,
            everybody(task),
            epoch_rule=protocol.epoch_rule,
            seed=seed,
            resources=Resources(
                device=device.value,
                workers=workers,
                memory_gib=memory_gib,
                compiled=compiled.value,
            ),
            folder=folder,
            storage=storage,
            on_progress=report,
        ).method
    _write(out, found)
    _show(out, folder, found.searched, as_json=as_json)
    tell(listed(task.failures, of=task.asked))


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
    if out.exists() and (not out.is_file() or "[searched]" not in out.read_text("utf-8", "ignore")):
        raise DataError(f"{out} is there already, and no search wrote it. Give another --out.")


def _write(out: Path, method: Method) -> None:
    import tomli_w

    from openmer.files import replace_file

    named = {"name": f"{method.name}-searched", "title": f"{method.title}, searched"}
    table = method.model_copy(update=named).model_dump(mode="json", exclude_none=True)
    replace_file(out, tomli_w.dumps(table).encode())


def _show(out: Path, folder: Path, searched: Searched | None, *, as_json: bool) -> None:
    """Print what was chosen, and what its score means."""
    from openmer.evaluation import FOLDER, HISTORY

    if searched is None:
        return
    history = folder / FOLDER / HISTORY
    if as_json:
        record = searched.model_dump(mode="json")
        typer.echo(json.dumps({"method": str(out), **record, "history": str(history)}))
        return
    for key, value in searched.settings.items():
        output.print(f"{key} = {value}", markup=False, highlight=False)
    score = "UF1" if searched.score == "uf1" else "loss"
    lines = [
        f"Inner {score} {searched.inner_score:.3f}, the best of {searched.trials} trials on "
        f"{searched.clips} clips of {len(searched.subjects)} subjects: too good for an estimate.",
        f"Method: {out}",
        "To train it: openmer train, with --no-estimate on these subjects. To evaluate the search: "
        "openmer evaluate on the method it began with, with its [search].",
    ]
    for line in lines:
        output.print(line, markup=False, highlight=False, soft_wrap=True)
    errors.print(f"Trials: {history}", soft_wrap=True)
