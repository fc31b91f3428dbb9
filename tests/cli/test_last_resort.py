"""Every error ends in one message and an exit code, whatever it is and wherever it arose."""

import asyncio
import contextlib
import errno
import inspect
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import get_args

import pytest

from openmer.cli import _app
from openmer.errors import DataError

COMMAND = (sys.executable, "-c", "from openmer.cli import main; main()")


@pytest.fixture
def failing(openmer, monkeypatch):
    """Run `openmer report` where reading the runs raises an error, as if the package's own code."""

    def run(error, *options):
        code = compile("def fail(*_, **__):\n    raise error", _app.__file__, "exec")
        exec(code, place := {"error": error})
        fail = place["fail"]

        monkeypatch.setattr("openmer.cli.report.reports.find_runs", fail, raising=False)
        return openmer("report", "runs", *options)

    return run


class OwnError(BaseException):
    """What a plug-in may raise, which `except Exception` lets pass."""


@pytest.mark.parametrize(
    "kind",
    [
        *(KeyError, ValueError, IndexError, TypeError, RuntimeError),
        *(GeneratorExit, asyncio.CancelledError, OwnError),
    ],
)
def test_a_fault_is_one_line_that_names_the_file_of_the_traceback(failing, kind):
    code, out, err = failing(kind("what went\nwrong"))
    assert (code, out) == (_app.FAULT, "")
    assert "Traceback" not in err and err.count("\n") == 1
    assert f"fault of OpenMER: {kind.__name__}" in err
    path = Path(err.split("traceback is in ")[1].split(";")[0])
    text = path.read_text(encoding="utf-8")
    path.unlink()
    assert "Traceback" in text and "what went" in text and "['openmer', 'report'" in text


@pytest.mark.parametrize("in_worker", [False, True])
def test_a_fault_of_a_plug_in_names_its_line(failing, tmp_path, in_worker):
    plug_in = tmp_path / "faulty.py"
    plug_in.write_text("def forward():\n    return {}['nothing']\n")
    exec(compile(plug_in.read_text(), str(plug_in), "exec"), place := {})
    with pytest.raises(KeyError) as caught:
        place["forward"]()
    error = caught.value
    if in_worker:  # joblib gives the traceback as the text of a cause
        told = "".join(traceback.format_exception(error))
        error = KeyError("nothing").with_traceback(None)
        error.__cause__ = RuntimeError(f'\n"""\n{told}"""')
    code, _, err = failing(error)
    assert code == _app.FAULT
    assert f"fault of {plug_in}, line 2: KeyError: 'nothing'" in err
    assert "Correct that file" in err and "report it" not in err


def test_a_signal_that_an_import_swallows_is_no_fault(openmer, monkeypatch):
    def half_import(*_, **__):
        with contextlib.suppress(BaseException):  # as libraries do for what they can do without
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        raise AttributeError("module 'half' has no attribute 'rest'")

    monkeypatch.setattr("openmer.cli.report.reports.find_runs", half_import, raising=False)
    code, _, err = openmer("report", "runs")
    assert code == 143 and "Stopped" in err and "fault" not in err


@pytest.mark.parametrize("options", [("--debug",)])
def test_debug_shows_the_traceback_of_every_error(failing, options):
    for error in (ValueError("odd"), DataError("No data.")):
        _, _, err = failing(error, *options)
        assert "Traceback" in err and "find_runs" in err
        assert str(error) in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (MemoryError(), 3, "--workers 1"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 3, "--workers"),
        (SystemError("error return without exception set"), 3, "--workers 1"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 3, "--memory-gib"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), 3, "(5000 characters)"),
        (DataError("x" * 100_000), 3, "... (100000 characters)"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), 3, "no room left"),
        (PermissionError(errno.EACCES, "Permission denied", "runs/b"), 3, "runs/b"),
    ],
)
def test_what_the_machine_lacks_is_said_with_the_remedy(failing, error, code, told):
    found, _, err = failing(error)
    assert found == code
    assert told in err and "Traceback" not in err


def test_options_that_are_numbers_have_bounds():
    commands = [*_app.app.registered_commands]
    for group in _app.app.registered_groups:
        commands += group.typer_instance.registered_commands
    found = 0
    for command in commands:
        signature = inspect.signature(command.callback, eval_str=True)
        for name, parameter in signature.parameters.items():
            kind, *notes = get_args(parameter.annotation) or (None,)
            kinds = {kind, *get_args(kind)}
            if not kinds & {int, float} or not notes:
                continue
            found += 1
            place = f"{command.name or command.callback.__name__} {name}"
            assert notes[0].min is not None, f"{place} may be below zero"
            assert float not in kinds or notes[0].max is not None, f"{place} may be infinite"
    assert found > 30


@pytest.mark.parametrize("value", ["nan", "inf", "1e400", "-1"])
def test_no_number_beyond_the_bounds_is_taken(openmer, value):
    code, _, err = openmer("evaluate", "flow-svm", "--manifest", "x.csv", "--memory-gib", value)
    assert code == 2 and "--memory-gib" in err


def test_a_reader_that_stops_reading_is_no_error():
    process = subprocess.Popen(
        [*COMMAND, "methods"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(120)
    assert err == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_command_with_its_code_and_no_traceback(tmp_path, number, code):
    write = ("datasets", "synthesize", str(tmp_path / "corpus"), "--size", "demo")
    process = subprocess.Popen([*COMMAND, *write], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not any(tmp_path.iterdir()):
        time.sleep(0.05)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert "Traceback" not in err and "Stopped" in err
    assert not (tmp_path / "corpus").exists()


def test_help_keeps_what_stands_in_brackets(openmer):
    _, out, _ = openmer("evaluate", "--help")
    assert "[search]" in out
    _, out, _ = openmer("--help")
    assert "--debug" in out and "143" in out


def test_the_options_of_a_group_reach_it(openmer, tmp_path):
    from openmer.datasets import write_corpus

    manifest = write_corpus(tmp_path / "corpus", "tiny")
    command = ("evaluate", "flow-svm", "--manifest", manifest)
    code, _, err = openmer(*command, "--same-subject", "synth-a/s1")
    assert code == 2 and "--same-subject is 'synth-a/s1'" in err
    code, _, err = openmer(*command, "--same-subject", "synth-a/s1=synth-a/nobody")
    assert code == 2 and "There is no subject 'synth-a/nobody'" in err
    code, _, err = openmer(*command, "--variant", "first")
    assert code == 2 and "Found --variant beside --manifest" in err
