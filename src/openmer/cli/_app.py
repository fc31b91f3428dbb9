"""Collects the commands and turns errors into one clear message and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape

from openmer import __version__
from openmer._plugins import add_plugins
from openmer.cli._console import errors
from openmer.cli.analyze import analyze
from openmer.cli.audit import audit
from openmer.cli.datasets import app as datasets
from openmer.cli.demo import demo
from openmer.cli.evaluate import evaluate
from openmer.cli.evaluate_spotting import evaluate_spotting
from openmer.cli.explain import explain
from openmer.cli.export import export
from openmer.cli.methods import app as methods
from openmer.cli.page import app as page
from openmer.cli.predict import predict
from openmer.cli.pretrain import pretrain
from openmer.cli.report import report
from openmer.cli.search import search
from openmer.cli.show import show
from openmer.cli.study import study
from openmer.cli.train import train
from openmer.cli.watch import watch
from openmer.errors import DataError, OpenMERError, StoppedError

_EPILOG = (
    "Exit codes: 0 done; 1 the audit found a leak; 2 an unknown name or option; "
    "3 input data missing or broken; 4 the evaluation cannot be honest; 5 a video without a face; "
    "130 stopped."
)

app = typer.Typer(
    name="openmer",
    help="Micro-expression recognition that can be trusted.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(analyze)
app.command()(watch)
app.command(name="app")(page)
app.command()(evaluate)
app.command(name="evaluate-spotting")(evaluate_spotting)
app.command()(pretrain)
app.command()(audit)
app.command()(report)
app.command()(search)
app.command()(train)
app.command()(predict)
app.command()(explain)
app.command()(export)
app.command()(study)
app.command()(show)
app.add_typer(methods, name="methods")
app.add_typer(datasets, name="datasets")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            "--plugin",
            metavar="MODULE_OR_FILE",
            help="Load a plug-in first; repeatable, before or after the command.",
        ),
    ] = None,
) -> None:
    add_plugins(plugin or ())
    if version:
        typer.echo(f"openmer {__version__}")
        raise typer.Exit


def _plugins_first(words: list[str]) -> list[str]:
    """Move every ``--plugin X`` before the command, from wherever it stands."""
    first, rest = [], []
    left = iter(words)
    for word in left:
        if word == "--":
            rest += [word, *left]
        elif word == "--plugin":
            first += [word, *(value for value in [next(left, None)] if value is not None)]
        else:
            (first if word.startswith("--plugin=") else rest).append(word)
    return first + rest


def main() -> None:
    """Run the command line; whatever a user can act on ends in one message and an exit code."""
    try:
        app(args=_plugins_first(sys.argv[1:]))
    except StoppedError as stop:
        errors.print(str(stop))
        sys.exit(stop.exit_code)
    except OpenMERError as error:
        errors.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(error.exit_code)
    except OSError as error:
        errors.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(DataError.exit_code)
