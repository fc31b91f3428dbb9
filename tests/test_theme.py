"""Colours have one home, and figures one way to be written."""

import re
from pathlib import Path

import pytest

import openmer
from openmer.theme import INK, css_colour, css_colours, figure_bytes, new_figure

SOURCE = Path(openmer.__file__).parent


def test_no_other_file_holds_a_colour():
    hex_colour = re.compile(r"(?<![&\w])#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})\b")
    found = [
        f"{path.relative_to(SOURCE)}: {match}"
        for path in SOURCE.rglob("*")
        if path.suffix in {".py", ".j2", ".css"} and path.name != "theme.py"
        for match in hex_colour.findall(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_a_style_sheet_only_uses_colours_that_exist():
    for dark in ("", ".dark"):
        day, night = css_colours(dark=dark).split("\n")
        assert re.findall(r"--[\w-]+", day) == re.findall(r"--[\w-]+", night)
    names = set(re.findall(r"--[\w-]+(?=:)", css_colours())) | {"--share"}
    for path in SOURCE.rglob("*.j2"):
        assert set(re.findall(r"var\((--[\w-]+)", path.read_text(encoding="utf-8"))) <= names, path
    assert css_colour("ink") == f"var(--ink, {INK})"
    assert css_colours(dark=".dark").split("\n")[1].startswith(".dark {")


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_the_same_figure_has_the_same_bytes(form):
    def draw():
        figure = new_figure(2, 1, dpi=50)
        figure.subplots().plot([0, 1], [1, 0])
        return figure_bytes(figure, form)

    assert draw() == draw()
