"""``openmer methods``: list the methods, or print one as the TOML to start a variant from."""

from __future__ import annotations

import json

import typer
from rich.table import Table

from openmer import methods as room
from openmer.cli._console import output
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
    table = Table("method", "what it is", "from", box=None)
    for method in known:
        table.add_row(method.name, method.title, method.paper)
    output.print(table)
    output.print("\nA variant of your own: openmer methods show NAME > mine.toml")


@app.command()
def show(name: str) -> None:
    """Print a method's TOML."""
    room.load_method(name)
    typer.echo(room.method_text(name), nl=False)
