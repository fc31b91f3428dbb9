"""``openmer methods``: list the methods, or print one as the TOML to start a variant from."""

from __future__ import annotations

import json

import typer

from openmer.cli._console import output
from openmer.cli._options import Json

app = typer.Typer(help="List methods, or show one as TOML.", invoke_without_command=True)


@app.callback()
def methods(context: typer.Context, as_json: Json = False) -> None:
    """List the methods that come with OpenMER."""
    if context.invoked_subcommand:
        return
    from rich.table import Table

    from openmer.methods import list_methods, load_method

    found = [load_method(name) for name in list_methods()]
    if as_json:
        rows = [{"name": m.name, "title": m.title, "paper": m.paper, "note": m.note} for m in found]
        typer.echo(json.dumps(rows))
        return
    table = Table("method", "what it is", "from", box=None)
    for method in found:
        table.add_row(method.name, method.title, method.paper)
    output.print(table)
    output.print("\nA variant of your own: openmer methods show NAME > mine.toml")


@app.command()
def show(name: str) -> None:
    """Print a method's TOML."""
    from openmer.methods import load_method, method_text

    load_method(name)
    typer.echo(method_text(name), nl=False)
