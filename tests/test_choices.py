"""The table that helps to choose a method takes honest scores only, of methods as they ship."""

import importlib.util
from pathlib import Path

import pytest

from openmer.methods import list_methods

PATH = Path(__file__).parent.parent / "docs" / "make_choices.py"


@pytest.fixture(scope="module")
def choices():
    specification = importlib.util.spec_from_file_location("make_choices", PATH)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_method_has_a_line_and_the_best_comes_first(choices):
    lines = choices.table()[2:]
    assert len(lines) == len(list_methods())
    assert all(any(f"/{name}.md)" in line for line in lines) for name in list_methods())
    scores = [line.split(" | ")[2].split()[0] for line in lines]
    measured = [float(score) for score in scores if score != "not"]
    assert measured == sorted(measured, reverse=True)


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": "LEAKY", "epoch_rule": "held_out"},
        {"epoch_rule": "inner"},
        {"part": "smic"},
        {"title": "STSTNet on shuffled labels"},
        {"method": "of-a-plug-in"},
    ],
)
def test_no_other_row_counts(choices, change):
    row = {"method": "ststnet", "title": "STSTNet", "epoch_rule": "fixed", "protocol": "honest"}
    row["part"] = "full"
    assert choices._counts(row)
    assert not choices._counts(row | change)


def test_the_page_has_the_table(choices):
    text = choices.PAGE.read_text(encoding="utf-8")
    assert all(f"/{name}.md)" in text for name in list_methods()), (
        "run: python docs/make_choices.py"
    )
