"""``openmer app``: the local page, for those who would rather not type."""

from __future__ import annotations

from typing import Annotated

import typer

from openmer import app as local_page
from openmer.cli._console import tell, warn
from openmer.cli._option_groups import VideoModel
from openmer.errors import ConfigError


def page(
    model: VideoModel,
    host: Annotated[
        str, typer.Option("--host", help="Address to serve at; by default this computer only.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="By default the first free one from 7860 on."
        ),
    ] = None,
    max_minutes: Annotated[
        float, typer.Option("--max-minutes", min=0, max=10_000, help="Longest video that is taken.")
    ] = 10.0,
    max_mb: Annotated[
        float,
        typer.Option(
            "--max-mb", min=0, max=1_000_000, help="Largest file that is taken, in megabytes."
        ),
    ] = 500.0,
    max_gigapixels: Annotated[
        float,
        typer.Option(
            "--max-gigapixels",
            min=0,
            max=1_000_000,
            help="Most frames times pixels of a frame that are taken, in 10^9.",
        ),
    ] = 40.0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open the page in the browser.")
    ] = False,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Serve at a --host that other computers can reach."),
    ] = False,
) -> None:
    """Open a page in the browser: give a video, see what was found, keep the report.

    Nothing leaves this computer, and no file stays. Ctrl-C ends it.
    """
    settings = local_page.PageSettings(
        host=host,
        port=port,
        max_minutes=max_minutes,
        max_mb=max_mb,
        max_gigapixels=max_gigapixels,
        open_browser=not no_browser,
    )
    if not local_page.is_loopback(host):
        _allow(host, allow_remote)
    local_page.serve(
        settings,
        model.load(),
        on_ready=lambda address: tell(f"The page: {address}  (Ctrl-C ends it)"),
    )


def _allow(host: str, allow_remote: bool) -> None:
    """Other computers may reach the page only where that was asked for."""
    if not allow_remote:
        raise ConfigError(
            f"Found --host {host}, which other computers can reach; expected an address of this "
            "computer. Leave --host out, or add --allow-remote if that is what you want."
        )
    warn(
        f"Whoever reaches {host} can use this page. There is no password and no encryption: videos "
        "of faces cross the network as they are."
    )
