"""Any text of a cell survives every format."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from openmer.reports._rows import plain
from openmer.reports._table import (
    _LATEX,
    Marked,
    Table,
    csv_table,
    escape_latex,
    html_table,
    latex_table,
    markdown_table,
    terminal_table,
)

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('|\\`*_[]<>&~#$%=+-@\n"')
)
ROWS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3).map(tuple)


def table_of(rows):
    return Table("title", ("first", "second"), rows, align="lr")


@given(ROWS)
def test_markdown_shows_every_text(rows):
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown_table(table_of(rows)))
    cells = [token.children for token in tokens if token.type == "inline"]
    shown = ["".join(part.content for part in cell) for cell in cells]
    assert {part.type for cell in cells for part in cell} <= {"text", "text_special"}
    assert shown == ["first", "second", *(plain(text) for row in rows for text in row)]


class Cells(HTMLParser):
    """The tags of a page, and the texts of its cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = set(), []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in {"td", "th"}:
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


@given(ROWS)
def test_html_shows_every_text(rows):
    page = Cells(html_table(table_of(rows)))
    assert page.tags == {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span"}
    shown = [text.strip("\n") for text in page.texts]
    assert shown == ["first", "second", *(plain(text) for row in rows for text in row)]


def test_html_tells_marks_sides_and_narrow_tables():
    cell = (Marked("0.5", "leaky"), "±0.1", Marked("LEAKY", "badge"))
    text = html_table(
        Table("", ("a", "b"), ((Marked("x", "ours"), cell),), ("Note.",), "lr"), "All"
    )
    assert '<td role="cell" class="num" data-label="b"><span><span class="leaky">0.5</span>' in text
    assert '±0.1 <strong class="badge">LEAKY</strong></span>' in text
    assert '<span class="ours">x</span>' in text and 'aria-label="All"' in text
    assert '<p class="sub">Note.</p>' in text and 'class="wide"' in text
    many = html_table(Table("", tuple("abcdef"), (tuple("123456"),)))
    assert 'class="wide cards"' in many


@given(ROWS)
def test_csv_reads_back_and_holds_no_formula(rows):
    first, *found = csv.reader(io.StringIO(csv_table(table_of(rows))))
    assert first == ["first", "second"]
    for cell, text in zip(
        [cell for row in found for cell in row],
        [plain(text) for row in rows for text in row],
        strict=True,
    ):
        assert cell in (text, f"'{text}")
        assert not cell.startswith(("=", "+", "-", "@")) or float(cell) <= 0


def test_csv_keeps_a_negative_number():
    assert csv_table(table_of((("-0.5", "-1+1"),))).splitlines()[1] == "-0.5,'-1+1"


@given(TEXTS)
def test_latex_gives_back_every_text(text):
    back = {shown: character for character, shown in _LATEX.items()}
    pattern = "|".join(re.escape(shown) for shown in sorted(back, key=len, reverse=True))
    escaped = escape_latex(text)
    assert not re.search(r"(?<!\\)[&%#_]", escaped)
    if "--" not in plain(text):
        assert re.sub(pattern, lambda found: back[found[0]], escaped) == plain(text)


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=20))
def test_a_terminal_shows_every_text(text):
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(terminal_table(table_of(((text, "end"),))))
    assert text in console.export_text()


@pytest.mark.parametrize("mark", ["strong", "quiet", "leaky", "badge"])
def test_pieces_of_a_cell_are_set_apart(mark):
    table = table_of((((Marked("one", mark), "two", "\n(three)"), ("", "four")),))
    bold = "**one**" if mark == "badge" else "one"
    assert f"| {bold} two (three) | four |" in markdown_table(table)
    bold = r"\textbf{one}" if mark == "badge" else "one"
    assert rf"{bold} two (three) & four \\" in latex_table(table, "tab:x")
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(terminal_table(table))
    assert re.search(r"one two +four\s+\(three\)", console.export_text())
