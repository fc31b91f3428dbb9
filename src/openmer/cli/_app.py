"""Collects the commands and turns errors into one clear message and an exit code."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import sys
import sysconfig
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from openmer import __version__, remote
from openmer._engine import LOCAL, VARIABLE, Engine, close_cluster, current_engine
from openmer._plugins import add_plugins
from openmer._stand_ins import without_secrets
from openmer._worker_files import sweep_at_start
from openmer.cli._console import STOPPED, errors, shown_as_urls, stopping
from openmer.cli._option_groups import spread
from openmer.cli.action_units import action_units
from openmer.cli.analyze import analyze
from openmer.cli.audit import audit
from openmer.cli.challenge import app as challenge
from openmer.cli.datasets import app as datasets
from openmer.cli.demo import demo
from openmer.cli.engine import app as engine
from openmer.cli.evaluate import evaluate
from openmer.cli.evaluate_hints import evaluate_hints
from openmer.cli.evaluate_spotting import evaluate_spotting
from openmer.cli.events import app as events
from openmer.cli.explain import explain
from openmer.cli.export import export
from openmer.cli.latency import latency
from openmer.cli.leaderboard import app as leaderboard
from openmer.cli.methods import app as methods
from openmer.cli.models import app as models
from openmer.cli.page import page
from openmer.cli.predict import predict
from openmer.cli.pretrain import pretrain
from openmer.cli.report import report
from openmer.cli.review import review
from openmer.cli.search import search
from openmer.cli.show import show
from openmer.cli.study import study
from openmer.cli.train import train
from openmer.cli.watch import watch
from openmer.errors import ConfigError, DataError, OpenMERError, StoppedError, lacks_memory

FAULT = 70
_COMMON = ("--plugin", "--engine")
_ADDRESS = re.compile(
    r"(?P<option>(?:--[\w-]+=)?)(?P<part>(?:\w+=)?)"
    rf"(?P<url>(?:{'|'.join(remote.SCHEMES)}|ftp|file|abfs|az)://.*)",
    re.DOTALL,
)
_OUTPUTS = ("--out", "--runs", "--fix")
_SHOWN = 200  # characters of a path
_LONGEST = 5000  # characters of a message
_PLACE = re.compile(r'File "([^"\n]+)", line (\d+)')  # of a traceback
_PACKAGE = Path(__file__).parent.parent
PYTORCH = ("torch", "timm", "safetensors", "huggingface_hub")  # the extra `torch`

_EPILOG = (
    "Exit codes: 0 done; 1 the audit found a leak; 2 an unknown name or option; "
    "3 input data missing or broken, or no room; 4 the evaluation cannot be honest; 5 a video "
    "without a face; 6 a video that cannot be measured; 70 a fault of OpenMER or a plug-in; 130 "
    "stopped; 143 terminated."
)

app = typer.Typer(
    name="openmer",
    help="Micro-expression recognition that can be trusted.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
COMMANDS = (
    demo, analyze, watch, review, evaluate, action_units, evaluate_spotting, evaluate_hints,
    pretrain, audit, report, search, train, predict, explain, export, study, show, latency,
)  # fmt: skip
for command in COMMANDS:
    app.command(name=command.__name__.replace("_", "-"))(spread(command))
app.command(name="app")(spread(page))
app.add_typer(methods, name="methods")
app.add_typer(datasets, name="datasets")
app.add_typer(models, name="models")
app.add_typer(leaderboard, name="leaderboard")
app.add_typer(engine, name="engine")
app.add_typer(challenge, name="challenge")
app.add_typer(events, name="events")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    _: bool = typer.Option(
        False, "--debug", help="Show where in the code an error arose; before or after the command."
    ),
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            "--plugin",
            metavar="MODULE_OR_FILE",
            help="Load a plug-in first; repeatable, before or after the command.",
        ),
    ] = None,
    work: Annotated[
        str | None,
        typer.Option(
            "--engine",
            metavar="ENGINE",
            help="Where folds are trained and videos analysed: local, dask, dask:ADDRESS or "
            "slurm:PROFILE; before or after the command.",
        ),
    ] = None,
) -> None:
    add_plugins(plugin or ())
    if work is not None:
        os.environ[VARIABLE] = Engine(work).name
    current_engine()  # a wrong name in the variable, too, is told before any work
    if version:
        typer.echo(f"openmer {__version__}")
        raise typer.Exit


def _common_first(words: list[str]) -> list[str]:
    """Move every ``--plugin X``, ``--engine X`` and ``--debug`` before the command."""
    first, rest = [], []
    left = iter(words)
    for word in left:
        if word == "--":
            rest += [word, *left]
        elif word in _COMMON:
            first += [word, *(value for value in [next(left, None)] if value is not None)]
        else:
            common = word == "--debug" or word.partition("=")[0] in _COMMON
            (first if common else rest).append(word)
    return first + rest


def _standing_in(words: list[str]) -> list[str]:
    """Replace URLs by the paths of this computer that stand for them, before `Path` spoils them.

    Raises:
        ConfigError: A URL is of another kind, or wrong.
        DataError: What is copied is not there, or cannot be reached.
    """
    made: list[str] = []
    before = ""
    for word in words:
        found = _ADDRESS.fullmatch(word)
        if found is None:
            made.append(word)
        else:
            option = (found["option"] or before).rstrip("=")
            streams = "analyze" in made and option != "--model"
            path = _stand_in(found["url"], option, streams=streams)
            made.append(f"{found['option']}{found['part']}{path}")
        before = word
    return made


def _stand_in(url: str, option: str, *, streams: bool) -> Path:
    """Return the path that stands for a URL that was given for an option, or as an argument."""
    if not remote.is_url(url):
        raise ConfigError(
            f"Found the address {without_secrets(url)[:_SHOWN]!r}, expected a file or folder of "
            f"this computer, or one of {', '.join(f'{name}://' for name in remote.SCHEMES)}."
        )
    if option in _OUTPUTS:
        return remote.out(url)
    return remote.here(url, stream=streams)


def main() -> None:
    """Run the command line; every error ends in one message and an exit code."""
    words = _common_first(sys.argv[1:])
    if isinstance(sys.stdout, io.TextIOWrapper):  # names that this terminal cannot write
        sys.stdout.reconfigure(errors="backslashreplace")
    sweep_at_start()
    with _stoppable():
        try:
            words = _standing_in(words)
            with shown_as_urls():
                app(args=words)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a plug-in may raise one of its own
            if "--debug" in words:
                errors.print_exception()
            lost = stopping.is_set() and not isinstance(error, StoppedError)  # in an import
            _end(StoppedError(STOPPED) if lost else error)
        finally:
            _leave_engine()


def _leave_engine() -> None:
    """Disconnect from the engine, and say what it did."""
    name = os.environ.get(VARIABLE, LOCAL)
    done = close_cluster(name)
    if done:
        errors.print(f"Engine {name}: {done}", soft_wrap=True, highlight=False)


def _end(error: BaseException) -> NoReturn:
    """Print one message for an error, and exit with its code."""
    match error:
        case StoppedError():
            errors.print(str(error))
            sys.exit(error.exit_code)
        case OpenMERError():
            message, code = str(error), error.exit_code
        case ModuleNotFoundError(name=str(name)) if name in PYTORCH:
            message = (
                f'This needs PyTorch: {name} is not installed. Type: pip install "openmer[torch]" '
                "(with a small PyTorch for the CPU: docs/how-to/install.md)."
            )
            code = ConfigError.exit_code
        case _ if lacks_memory(error):
            message = (
                "There is not enough memory. What was finished is kept: run the same command to "
                "go on, with --workers 1, or with less by --memory-gib, where it has them."
            )
            code = DataError.exit_code
        case OSError(errno=errno.ENOSPC):
            message = (
                f"{error}. There is no room left on this disk. What was finished is kept: make "
                "room, then run the same command to go on."
            )
            code = DataError.exit_code
        case OSError():
            reason, name = error.strerror or str(error), str(error.filename or "")
            place = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}... ({len(name)} characters)"
            message = f"{place}: {reason}" if place else reason
            code = DataError.exit_code
        case _:
            message, code = _fault(error), FAULT
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}... ({len(message)} characters)"
    errors.print(f"[bold red]Error:[/] {escape(message)}", markup=True, soft_wrap=True)
    sys.exit(code)


def _fault(error: BaseException) -> str:
    """Say whose fault an error is that nobody foresaw, and where its traceback is."""
    told = "".join(traceback.format_exception(error))
    own = [place for place in _PLACE.findall(told) if _is_users(place[0])]
    whose, what_to_do = "OpenMER", "Please report it."
    if own:
        whose, what_to_do = f"{own[-1][0]}, line {own[-1][1]}", "Correct that file."
    return (
        f"This is a fault of {whose}: {type(error).__name__}: {_first_line(error)}. The traceback "
        f"is in {_traceback_file(told)}; --debug shows it. {what_to_do}"
    )


def _is_users(file: str) -> bool:
    """Whether a file in a traceback is neither this package's nor a library's."""
    libraries = (sys.prefix, sys.base_prefix, *sysconfig.get_paths().values())
    known = [_PACKAGE, *(Path(place) for place in libraries if place != os.sep)]
    is_there = os.path.isfile(file)  # noqa: PTH113 (which never raises)
    return is_there and not any(Path(file).is_relative_to(one) for one in known)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200].rstrip(".")


def _traceback_file(told: str) -> str:
    """Write a traceback into a file of its own among the temporary ones; return its path."""
    text = without_secrets(f"openmer {__version__}, Python {sys.version}\n{sys.argv}\n\n{told}")
    number, path = tempfile.mkstemp(prefix="openmer-error-", suffix=".txt")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    return path


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a command in the same way, each with an exit code of its own."""
    received = signal.SIGINT

    def stop(number: int, _: object) -> NoReturn:
        nonlocal received
        received = signal.Signals(number)
        stopping.set()
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    except SystemExit:
        if stopping.is_set():
            sys.exit(128 + received)
        raise
    finally:
        stopping.clear()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
