"""``openmer evaluate-hints``: how well the rules for action units do on coded clips."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from openmer import reports, video
from openmer.cli._console import output, progress, warn
from openmer.cli._option_groups import Clips
from openmer.cli._options import Json


def evaluate_hints(clips: Clips, as_json: Json = False) -> None:
    """Compare the action units that movements look like with those that clips were coded with.

    Faces are followed from onset to apex as `openmer analyze` does; nothing is trained.
    """
    source = clips.read()
    with progress("rules for action units") as report:
        scores, unseen = video.evaluate_hints(source.clips, on_progress=report)
    if unseen:
        warn(f"No face could be followed in {len(unseen)} clips, {unseen[0]} for one.")
    if as_json:
        typer.echo(json.dumps({"units": list(map(asdict, scores)), "unseen": unseen}))
        return
    output.print(reports.terminal_table(reports.unit_table("Rules for action units", scores)))
