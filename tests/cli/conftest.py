"""How the tests of commands run one."""

import sys
from concurrent.futures import Future

import pytest

from openmer.cli._app import main


@pytest.fixture
def fresh_process():
    """For tests whose audits train a fold in a fresh process, as those of a user do."""


class InThisProcess:
    """Stands in for the pool of one fresh process, without the seconds that it takes to start."""

    def __init__(self, max_workers):
        self.max_workers = max_workers

    def submit(self, function, *arguments):
        done = Future()
        done.set_result(function(*arguments))
        return done

    def shutdown(self, **_):
        pass


@pytest.fixture
def openmer(monkeypatch, capsys, tmp_path, request):
    """Runs a command in this process; returns exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    if "fresh_process" not in request.fixturenames:
        place = "openmer.evaluation.audit._fresh.ProcessPoolExecutor"
        monkeypatch.setattr(place, InThisProcess)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["openmer", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as exit_:
            code = exit_.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
