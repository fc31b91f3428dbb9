"""``openmer review``: a coder decides about found events by keyboard, in the browser."""

from __future__ import annotations

import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from openmer import app as local_page
from openmer.cli._console import tell
from openmer.errors import ConfigError


def review(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Results of `openmer analyze`.")],
    coder: Annotated[str, typer.Option("--coder", help="Who decides; each has a file.")] = "coder",
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="By default a free one.")
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open the page in the browser.")
    ] = False,
) -> None:
    """Accept or reject found events, shift their frames, name classes and action units.

    One key decides and goes on; every decision is kept at once in FOLDER/reviews, and the same
    command goes on with what is left. Nothing leaves this computer. Ctrl-C ends it.
    `openmer events agreement` compares coders, `openmer events manifest` makes clips of what was
    accepted.
    """
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise ConfigError("The page needs uvicorn. Install it with: pip install 'openmer[app]'")

    def ready(address: str) -> None:
        tell(f"The page: {address}  (Ctrl-C ends it)")
        if not no_browser:
            webbrowser.open(address)

    local_page.review(folder, coder, port=port, on_ready=ready)
