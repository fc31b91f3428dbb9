"""``openmer models``: networks that do not come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openmer import preprocessing as room
from openmer.cli._console import output
from openmer.errors import unknown_name

app = typer.Typer(help="Fetch networks that do not come with the package.", no_args_is_help=True)
_FETCHED = {"face-mesh": room.fetch_face_mesh}


@app.callback()
def _group() -> None:
    """Keep ``fetch`` a command of its own."""


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="face-mesh: 468 points of a face, and its irises.")],
    file: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="The downloaded file, where there is no network."
        ),
    ] = None,
) -> None:
    """Fetch a network into the user's data folder, checked by its SHA-256; once is enough.

    `analyze` and `watch` fetch the face mesh by themselves when they first need it, unless
    OPENMER_OFFLINE=1 forbids it; without it they follow faces less well, and say so.
    """
    if name not in _FETCHED:
        raise unknown_name("network", name, _FETCHED)
    output.print(f"{name}: {_FETCHED[name](file)}", soft_wrap=True)
