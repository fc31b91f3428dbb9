"""``openmer pretrain``: the weights that a method starts from, made on macro-expressions."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openmer import datasets, methods, preprocessing, pretraining
from openmer.cli._console import errors, output, print_table, progress, tell, warn
from openmer.cli._options import MOST_SEED, MOST_WORKERS, DeviceOption, Json, MethodName, Overrides
from openmer.errors import ConfigError, unknown_name
from openmer.files import readable, replace_file, require_own, require_room
from openmer.theme import FIGURE_MARK

if TYPE_CHECKING:
    from openmer.methods import Method
    from openmer.preprocessing import Failure
    from openmer.pretraining import PretrainingTask


def pretrain(
    method: MethodName,
    root: Annotated[
        list[str] | None,
        typer.Option(
            "--root",
            metavar="[CORPUS=]PATH",
            help="Folder of a corpus of the scheme (fer2013=PATH); repeatable. Of a scheme that "
            "merges corpora only these are read. Otherwise the environment or the config file says "
            "(see `openmer datasets access`).",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="FILE.csv",
            help="Images of your own, with the columns corpus, subject, image, label; merged with "
            "those of every --root, alone without one.",
        ),
    ] = None,
    overrides: Overrides = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="START",
            help="Weights to begin with: imagenet, scratch, or the path of a safetensors file; "
            "what the method says by default.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=MOST_SEED, help="Same seed, same bytes.")
    ] = 0,
    device: DeviceOption = "auto",
    threads: Annotated[
        int,
        typer.Option(
            "--threads", min=0, max=MOST_WORKERS, help="PyTorch's threads; 0 is one per core."
        ),
    ] = 0,
    half: Annotated[
        bool, typer.Option("--half", help="Store the weights in half precision: half the file.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for weights and card; pretrained/METHOD by default."),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE.png", help="Draw prepared images, and do no more."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a method's starting weights; stop and resume at will, the bytes are the same."""
    chosen = _started(methods.load_method(method, overrides or ()), start)
    folder = out or Path("pretrained") / chosen.name
    require_room(folder)
    require_own({} if sheet is None else {sheet: FIGURE_MARK})
    roots = _roots(chosen, root or ())
    with progress(chosen.title) as report:
        failures = preprocessing.Failures("list")
        task = pretraining.prepare_pretraining(
            chosen, roots, images=images, seed=seed, failures=failures, on_progress=report
        )
        for difference in task.differences:
            warn(difference)
        _tell_failures(task.failures, len(task.image_set.images))
        if sheet is not None:
            _draw(task, sheet)
            return
        card = pretraining.run_pretraining(
            task,
            folder,
            resources=pretraining.PretrainResources(device=device, threads=threads),
            command=_command(method, task, overrides or (), start, half=half),
            half=half,
            on_progress=report,
        )
    if as_json:
        files = {"weights": str(folder / f"{chosen.name}.safetensors"), "folder": str(folder)}
        typer.echo(json.dumps({**card, **files}))
    else:
        _show(card)
    errors.print(f"Weights: {folder / f'{chosen.name}.safetensors'}", soft_wrap=True)
    errors.print(f"Card: {folder / 'card.md'}", soft_wrap=True)


def _draw(task: PretrainingTask, path: Path) -> None:
    """Draw a sheet of prepared images, to be checked before a long training."""
    title = f"{task.method.title}: images of its pretraining"
    image_set = task.image_set
    picture = pretraining.draw_prepared(
        title, image_set.images, image_set.targets.tolist(), task.classes
    )
    replace_file(path, picture)
    errors.print(f"Sheet: {path.resolve()}", soft_wrap=True)


def _started(method: Method, start: str | None) -> Method:
    """Return the method with another start of its pretraining."""
    config = pretraining.pretraining_of(method)
    if start is None:
        return method
    return method.model_copy(update={"pretraining": config.model_copy(update={"start": start})})


def _roots(method: Method, given: Sequence[str]) -> dict[str, Path]:
    """Return the folder of each corpus that an option names."""
    config = pretraining.pretraining_of(method)
    corpora = list(datasets.pretraining_scheme(config.scheme).corpora)
    roots: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals and len(corpora) == 1:
            name, path = corpora[0], text
        elif not equals:
            raise ConfigError(
                f"Found --root {text}, expected the corpus, too, as one of "
                f"{', '.join(f'{corpus}=PATH' for corpus in corpora)}."
            )
        if name not in corpora:
            raise unknown_name("corpus of this pretraining called", name, corpora)
        if name in roots:
            raise ConfigError(f"Found two folders for {name}, expected one. Leave one out.")
        roots[name] = Path(path).expanduser()
    return roots


def _command(
    method: str, task: PretrainingTask, overrides: Sequence[str], start: str | None, *, half: bool
) -> str:
    """Write the command that repeats the training, for the card; name no folder of this machine."""
    words = ["openmer", "pretrain", Path(method).name, "--seed", str(task.seed)]
    if task.own is not None:
        words += ["--images", task.own.file]
    if start is not None:
        words += ["--from", Path(start).name]
    for override in overrides:
        words += ["--set", override]
    words += ["--half"] * half
    return readable(shlex.join(words)) + "".join(
        f" --root {corpus}=FOLDER" for corpus in task.corpora
    )


def _tell_failures(failures: Sequence[Failure], read: int) -> None:
    if failures:
        lines = [f"  {failure.clip}: {failure.reason}" for failure in failures]
        total = read + len(failures)
        tell("\n".join([f"{len(failures)} of {total} images could not be read:", *lines]))


def _show(card: dict[str, Any]) -> None:
    """Scores of the validation images, a line per class."""
    scores, data = card["scores"], card["data"]
    rows = [
        (name, *(str(data[part][name]) for part in ("training", "validation")),
         *(f"{scores[kind][name]:.3f}" for kind in ("recall", "f1")))
        for name in card["classes"]
    ]  # fmt: skip
    print_table(("class", "training", "validation", "recall", "F1"), rows, right=4)
    output.print(
        f"\nAccuracy {scores['accuracy']:.3f}, UF1 {scores['uf1']:.3f}, UAR {scores['uar']:.3f} on "
        f"validation images that also chose the epoch ({card['epochs']['best']} of "
        f"{card['epochs']['run']}).",
        highlight=False,
        soft_wrap=True,
    )
