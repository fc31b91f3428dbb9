"""``openmer datasets``: what can be read, whether yours is sound, and a synthetic corpus."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from openmer.cli.console import errors, output, progress
from openmer.cli.options import Json

app = typer.Typer(help="Check a manifest, or write the synthetic corpus.", no_args_is_help=True)


@app.command()
def check(
    manifest: Annotated[Path, typer.Argument(help="CSV that lists the clips.")],
    scheme: Annotated[
        str, typer.Option(help="Label scheme to group the labels by.")
    ] = "megc2019-3",
    as_json: Json = False,
) -> None:
    """Read a manifest and count what is in it; every problem is named with its row."""
    from openmer.datasets.labels import label_scheme, labelled
    from openmer.datasets.manifest import read_manifest

    clips = read_manifest(manifest)
    kept, targets = labelled(clips, label_scheme(scheme))
    classes = Counter(label_scheme(scheme).classes[target] for target in targets)
    record = {
        "clips": len(clips),
        "kept": len(kept),
        "persons": len({clip.person for clip in kept}),
        "corpora": dict(sorted(Counter(clip.corpus for clip in kept).items())),
        "classes": dict(sorted(classes.items())),
    }
    if as_json:
        typer.echo(json.dumps(record))
        return
    for name, value in record.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        output.print(f"{name:8} {text}", highlight=False)


@app.command()
def synthesize(
    folder: Annotated[Path, typer.Argument(help="Where to write it.")],
    size: Annotated[str, typer.Option(help="tiny or demo.")] = "demo",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
) -> None:
    """Write the synthetic corpus with known motion: frames, manifest.csv and truth.npz."""
    from openmer.datasets.synthetic import write_corpus

    with progress("Synthetic corpus") as report:
        manifest = write_corpus(
            folder, size, seed, progress=lambda done, total: report("write", done, total)
        )
    errors.print(f"Manifest: {manifest}", soft_wrap=True)
