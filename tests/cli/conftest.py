"""How the tests of commands run one."""

import sys

import pytest

from openmer.cli._app import main


@pytest.fixture
def openmer(monkeypatch, capsys, tmp_path):
    """Runs a command in this process; returns exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

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
