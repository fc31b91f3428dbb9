"""The page of the papers' tables and figures: nothing is missing, and each command resolves."""

import csv
import re
import shlex
from pathlib import Path

import pytest
import typer

from openmer.cli._app import app
from openmer.datasets import list_datasets
from openmer.methods import load_method
from openmer.preprocessing.faces._align import STYLES
from openmer.reproduction import Changes, load_study, row_method
from openmer.reproduction._rows import method_name

PAGE = Path(__file__).parents[2] / "docs" / "papers.csv"
PRINTED = {  # how many tables and figures each paper has
    "Efficient-ME (2023)": (7, 6),
    "Dense + mixed attention (2024)": (13, 8),
    "MobileViT + SVM (2022)": (4, 9),
    "RRMFNet (2026)": (19, 15),
}


def items():
    with PAGE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def commands():
    return sorted({one for item in items() for one in item["command"].split("; ") if one})


def parsed(command):
    """The words of the command, and its options and arguments."""
    command, words = typer.main.get_command(app), shlex.split(command)[1:]
    path, context = [], None
    while getattr(command, "commands", None):
        context = command.make_context("openmer", words, parent=context)
        name, command, words = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        path.append(name)
    given = command.make_context(path[-1], words, parent=context).params
    return path, {key: value for key, value in given.items() if value not in (None, (), [], False)}


def test_every_table_and_figure_stands_on_the_page_once():
    for paper, (tables, figures) in PRINTED.items():
        found = []
        for item in (item["item"] for item in items() if item["paper"] == paper):
            kind, first, last = re.fullmatch(r"(\w+?)s? ([\d.]+)(?: to (\d+))?", item).groups()
            numbers = range(int(first), int(last) + 1) if last else [first]
            found += [f"{kind} {number}" for number in numbers]
        wanted = [f"Table {n + 1}" for n in range(tables)]
        wanted += [f"Figure {n + 1}" for n in range(figures)]
        assert sorted(set(found) - {"Section 4.5"}) == sorted(wanted), paper
        assert len(found) == len(set(found))


def test_what_cannot_run_says_why_and_all_else_has_a_command():
    for item in items():
        assert None not in item, f"{item['item']}: a comma outside of quotes"
        cannot = item["state"] == "cannot"
        assert cannot != bool(item["command"]), item["item"]
        assert len(item["note"]) > 40 or not cannot


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_page_resolves(command):
    path, given = parsed(command)
    if "corpus" in given:
        assert given["corpus"] in list_datasets()
    if path == ["study"]:
        _resolve(given)
    elif path == ["datasets", "check"]:
        assert given["what"] in list_datasets()
    elif path == ["show"]:
        assert given["style"] in STYLES
    elif path != ["datasets", "list"]:
        names = given.get("names") or [given.get("method") or given["name"]]
        assert [load_method(name, given.get("overrides", ())).title for name in names]


def _resolve(given):
    study = load_study(given["name"])
    changes = Changes(
        overrides=tuple(given.get("overrides", ())), as_published=given.get("as_published", False)
    )
    rows = [row for row in study.rows if row.run]
    assert all(row_method(study, row, changes).title for row in rows)
    published = Changes(as_published=True)
    differ = any(method_name(study, row, published) != (row.method or study.method) for row in rows)
    trains = study.kind not in ("size", "t-tests")
    assert changes.as_published == (differ and trains), "as published where that is another row"
    assert ("corpus" in given) == trains
    assert given.get("corpus") in (study.corpus, "megc2019") or not trains
    if study.corpus:
        assert given["corpus"] == study.corpus, "of one corpus, its own clips"
    assert ("clip" in given) == (study.kind in ("maps", "saliency"))
