"""Sheets: the header is found by what it says."""

import openpyxl
import pytest

from openmer.datasets._sheets import padded, plain, read_cells, read_sheet
from openmer.errors import DataError

COLUMNS = {"clip": ("Filename",), "onset": ("Onset Frame", "OnsetF"), "note": ("Notes",)}


def save(path, lines, title="Sheet1"):
    book = openpyxl.Workbook()
    book.active.title = title
    for line in lines:
        book.active.append(line)
    book.save(path)
    return path


def test_the_header_may_stand_anywhere(tmp_path):
    lines = [["A sheet"], [], ["about", "Filename"], [None, "filename", "OnsetF", "Notes"]]
    path = save(tmp_path / "a.xlsx", [*lines, [1, " EP01 ", 46.0, None], [], [2, "EP02", "/", "x"]])
    rows = read_sheet("mine", path, COLUMNS).rows
    assert [(r["clip"], r["onset"], r["note"], r.number) for r in rows] == [
        ("EP01", "46", "", 5),
        ("EP02", "/", "x", 7),
    ]
    assert rows[0].columns == ("filename", "OnsetF", "Notes")


def test_an_optional_column_may_be_absent(tmp_path):
    path = save(tmp_path / "a.xlsx", [["Filename", "Onset  frame"], ["a", 1]])
    assert read_sheet("mine", path, COLUMNS, optional=("note",)).rows[0]["note"] == ""


def test_a_missing_column_is_named(tmp_path):
    path = save(tmp_path / "a.xlsx", [["Filename", "Notes"], ["a", 1]])
    with pytest.raises(DataError, match="row 1 of Sheet1, without Onset Frame"):
        read_sheet("mine", path, COLUMNS)


def test_a_sheet_is_chosen_by_name(tmp_path):
    path = save(tmp_path / "a.xlsx", [["x"]], title="label")
    assert read_cells(path, "label") == [(1, ["x"])]
    with pytest.raises(DataError, match="it has label"):
        read_cells(path, "labels")


@pytest.mark.parametrize("content", [b"", b"Subject,Filename\n", b"PK\x03\x04broken"])
def test_what_is_no_workbook_is_named(tmp_path, content):
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.xlsx cannot be read"):
        read_cells(path, "x")


def test_a_subject_that_became_a_fraction_is_read_with_a_note(tmp_path):
    path = save(tmp_path / "a.xlsx", [["Who", "Filename"], ["sub4.0", "a"], ["5.5", "b"]])
    sheet = read_sheet("mine", path, {"subject": ("Who",), "clip": ("Filename",)})
    assert [row["subject"] for row in sheet.rows] == ["sub4", "5.5"]
    assert "1 subjects with a fraction, such as 'sub4.0'" in sheet.notes[0].text


def test_small_helpers():
    assert plain("Objective Class(es)") == "objectiveclasses"
    assert plain("ＡＵ") == "au"  # noqa: RUF001 - full-width letters are the point
    assert (padded("6", 3), padded("006", 3), padded("x6", 3)) == ("006", "006", "x6")
