"""The command line: one command, one short file."""

from openmer.cli._app import main

__all__ = ["main"]
