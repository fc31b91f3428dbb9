"""``openmer methods``: list the methods, or print one as the TOML to start a variant from."""

from __future__ import annotations

import json

import typer

from openmer import methods as room
from openmer.cli._console import output, print_table
from openmer.cli._options import Json

app = typer.Typer(help="List methods, or show one as TOML.", invoke_without_command=True)


@app.callback()
def methods(context: typer.Context, as_json: Json = False) -> None:
    """List the methods that come with OpenMER."""
    if context.invoked_subcommand:
        return
    known = [room.load_method(name) for name in room.list_methods()]
    if as_json:
        records = [
            {"name": m.name, "title": m.title, "paper": m.paper, "note": m.note} for m in known
        ]
        typer.echo(json.dumps(records))
        return
    print_table(("method", "what it is", "from"), [(m.name, m.title, m.paper) for m in known])
    output.print("\nA variant of your own: openmer methods show NAME > mine.toml")


@app.command()
def show(name: str) -> None:
    """Print a method's TOML."""
    room.load_method(name)
    typer.echo(room.method_text(name), nl=False)
