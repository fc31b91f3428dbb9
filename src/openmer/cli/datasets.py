"""``openmer datasets``: what can be read, whether a copy is whole, and corpora to try things on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from openmer import datasets
from openmer.cli._console import errors, output, progress
from openmer.cli._option_groups import fps_of
from openmer.cli._options import MOST_SEED, Columns, Fps, Json, Variant
from openmer.errors import ConfigError, OpenMERError, unknown_name

_SCHEME = "megc2019-3"
app = typer.Typer(
    help="List corpora, ask for them, check a copy or a manifest, write synthetic ones.",
    no_args_is_help=True,
)


@app.command("list")
def list_corpora(as_json: Json = False) -> None:
    """Every corpus that can be read, and what a whole copy of it holds."""
    records = []
    for name in datasets.list_datasets():
        corpus = datasets.facts(name)
        counts = corpus.variants[corpus.default_variant]
        records.append(
            {
                "name": name,
                "title": corpus.title,
                "holds": corpus.holds,
                "subjects": counts.subjects,
                "items": counts.items,
                "sequences": corpus.per_sequence > 0,
                "variants": list(corpus.variants),
            }
        )
    if as_json:
        typer.echo(json.dumps(records))
        return
    for record in records:
        unit = "sequences" if record["sequences"] else record["holds"]
        size = f"{record['items'] if record['items'] is not None else '?'} {unit}"
        subjects = "" if record["subjects"] is None else f", {record['subjects']} subjects"
        output.print(f"{record['name']:14} {record['title']:20} {size}{subjects}", highlight=False)


@app.command()
def access(name: Annotated[str, typer.Argument(help="A corpus (see list).")]) -> None:
    """How to ask for a corpus, on what terms, and where its folder is named."""
    corpus = datasets.facts(name)
    lines = {
        "title": corpus.title,
        "paper": corpus.paper,
        "access": corpus.access,
        "terms": corpus.terms,
        "variants": ", ".join(corpus.variants),
        "frames": ", ".join(corpus.forms),
        "folder": f"an option, {datasets.variable(name)}, or [roots] {name} in "
        f"{datasets.config_file()}",
        "not known": " ".join(corpus.unsure) or "nothing",
    }
    for what, text in lines.items():
        output.print(f"{what:9} {text}", highlight=False, soft_wrap=True)


@app.command()
def check(
    what: Annotated[str, typer.Argument(help="A corpus (see list), or a CSV that lists clips.")],
    root: Annotated[Path | None, typer.Argument(help="Folder of the corpus.")] = None,
    scheme: Annotated[
        str,
        typer.Option(
            "--label-scheme", "--scheme", help="Label scheme to group the labels of a manifest by."
        ),
    ] = _SCHEME,
    variant: Variant = None,
    frames: Annotated[
        str | None, typer.Option(help="Form of the frames; none: names and sheets only.")
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", metavar="OUT.csv", help="Write a repaired manifest; list changes."),
    ] = None,
    column: Columns = None,
    as_json: Json = False,
) -> None:
    """Compare a copy of a corpus with a whole one, or read a manifest; every problem is named."""
    if what in datasets.list_datasets():
        given = {"--fix": fix, "--label-scheme": None if scheme == _SCHEME else scheme}
        _refuse_beside(f"the corpus {what!r}", given, "a manifest")
        with datasets.headers_named(column or ()):
            _check_corpus(what, root, variant, frames, as_json)
    elif root is not None or not (Path(what).suffix or Path(what).exists()):
        raise unknown_name("corpus or manifest", what, datasets.list_datasets())
    else:
        _refuse_beside("a manifest", {"--variant": variant, "--frames": frames}, "a corpus")
        with datasets.headers_named(column or ()):
            for change in () if fix is None else datasets.repair_manifest(Path(what), fix):
                errors.print(change, highlight=False, soft_wrap=True)
            source = datasets.from_manifest(Path(what))
        _check_manifest(source, scheme, as_json)


@app.command()
def fake(
    name: Annotated[str, typer.Argument(help="A corpus (see list).")],
    folder: Annotated[Path, typer.Argument(help="A new folder to write it to.")],
    variant: Variant = None,
    full: Annotated[bool, typer.Option("--full", help="As large as the real one.")] = False,
    names_only: Annotated[
        bool, typer.Option("--names-only", help="Names and sheets, no images.")
    ] = False,
) -> None:
    """Write a fake corpus in the exact shape of the real one, with synthetic faces."""
    from openmer.datasets.fakes import write_fake

    write_fake(name, folder, variant=variant, full=full, frames=not names_only)
    errors.print(f"Fake {name}: {folder}", soft_wrap=True)


@app.command()
def synthesize(
    folder: Annotated[Path, typer.Argument(help="Where to write it.")],
    size: Annotated[
        str, typer.Option(help="tiny, demo, or subtle: movements below half a pixel.")
    ] = "demo",
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Same seed, same bytes.")] = 0,
) -> None:
    """Write the synthetic corpus with known motion: frames, manifest.csv and truth.npz."""
    with progress("Synthetic corpus") as report:
        manifest = datasets.write_corpus(
            folder, size, seed, progress=lambda done, total: report("write", done, total)
        )
    errors.print(f"Manifest: {manifest}", soft_wrap=True)


@app.command()
def inject(
    videos: Annotated[
        list[Path], typer.Argument(metavar="VIDEO...", help="Videos with one face in view each.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the videos and truth.csv.")] = Path(
        "footage"
    ),
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Same seed, same movements.")] = 0,
    footage: Annotated[
        str, typer.Option("--footage", help="A word for their kind, such as talking.")
    ] = "",
    fps: Fps = None,
) -> None:
    """Warp known micro-movements into real videos, locked to the head, and write what is true.

    Each video is written twice, with movements and without. `openmer evaluate-spotting --footage`
    evaluates on the folder; call again to add videos of another kind.
    """
    from openmer.video import inject_movements

    found = inject_movements(videos, out, seed=seed, footage=footage, fps=fps_of(fps))
    for name, count in Counter(movement.video for movement in found).items():
        errors.print(f"{name}: {count} movements", soft_wrap=True)


def _refuse_beside(what: str, given: Mapping[str, object], place: str) -> None:
    """Refuse options that would do nothing."""
    alone = [name for name, value in given.items() if value is not None]
    if alone:
        raise ConfigError(
            f"Found {', '.join(alone)} beside {what}, expected it with {place} alone. Leave it out."
        )


def _check_corpus(
    name: str, root: Path | None, variant: str | None, frames: str | None, as_json: bool
) -> None:
    """Print counts and problems of a copy; exit with code 3 where it is not whole."""
    options = datasets.options_of(datasets.facts(name), variant=variant, frames=frames)
    reading = datasets.examine(name, root, options)
    words = Counter(item.emotion.lower() for item in reading.items)
    record = {
        "corpus": name,
        "variant": options.variant,
        datasets.facts(name).holds: len(reading.items),
        "subjects": len({item.subject_id for item in reading.items if item.subject_id}),
        "words": dict(sorted(words.items())),
    }
    if as_json:
        problems = [asdict(problem) for problem in reading.problems]
        typer.echo(json.dumps({**record, "problems": problems}))
    else:
        _print(record)
        for problem in reading.problems:
            kind = "error" if problem.fatal else "note"
            output.print(f"{kind:8} {problem}", highlight=False, soft_wrap=True)
        if any(problem.fatal for problem in reading.problems):
            _print({"access": datasets.facts(name).access})
    if any(problem.fatal for problem in reading.problems):
        raise typer.Exit(3)


def _check_manifest(source: datasets.ClipSource, scheme: str, as_json: bool) -> None:
    """Print counts of a manifest, of the clips that the scheme keeps; all else before an error."""
    clips = kept = source.clips
    classes, wrong = dict[str, int](), None
    try:
        found = datasets.label_scheme(scheme).resolved(clips)
        kept, targets = datasets.labelled(clips, found)
        classes = Counter(found.classes[target] for target in targets)
    except OpenMERError as error:
        wrong = error
    record = {
        "clips": len(clips),
        "kept": len(kept),
        "subjects": len({clip.subject_id for clip in kept}),
        "corpora": dict(sorted(Counter(clip.corpus for clip in kept).items())),
        "classes": dict(sorted(classes.items())),
    }
    doubtful = source.ids_to_check
    if as_json:
        found_so = {"notes": source.notes, "ids_to_check": doubtful}
        typer.echo(json.dumps({**record, **found_so}))
    else:
        _print(record)
        _tell("note    ", source.notes)
        _tell("ids to be checked:", doubtful)
    if wrong is not None:
        raise wrong


def _tell(kind: str, texts: Iterable[str]) -> None:
    """One line per text."""
    for text in texts:
        output.print(f"{kind} {text}", highlight=False, soft_wrap=True)


def _print(record: dict[str, object]) -> None:
    """One line per value."""
    for name, value in record.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        output.print(f"{name:8} {text}", highlight=False, soft_wrap=True)
