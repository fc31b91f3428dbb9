"""A workbook gives its words, whatever else is in it, or one error; never a long wait."""

import io
import resource
import zipfile
from contextlib import suppress

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.styles import PatternFill

from openmer.datasets._workbook import MOST_BYTES, read_workbook
from openmer.errors import DataError

LINES = [(1, ["Subject", "Clip", "Onset"]), (2, ["s1", "a", "4"]), (3, ["s1", "b", "5"])]


def book():
    made = openpyxl.Workbook()
    made.active.title = "label"
    for line in (["Subject", "Clip", "Onset"], ["s1", "a", 4.0], ["s1", "b", 5]):
        made.active.append(line)
    return made


def packed(made, change=lambda name, part: part):
    """The bytes of a workbook after a change of its parts."""
    first, second = io.BytesIO(), io.BytesIO()
    made.save(first)
    with (
        zipfile.ZipFile(first) as source,
        zipfile.ZipFile(second, "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for name in source.namelist():
            out.writestr(name, change(name, source.read(name)))
    return second.getvalue()


def read(tmp_path, content):
    path = tmp_path / "book.xlsx"
    path.write_bytes(content)
    return {name: cells.lines for name, cells in read_workbook(path).items()}


def test_broken_styles_do_not_matter(tmp_path):
    def broken(name, part):
        return part.replace(b"</fills>", b"<fill/></fills>") if "styles" in name else part

    assert read(tmp_path, packed(book(), broken)) == {"label": LINES}


def test_charts_and_empty_sheets_are_left_out(tmp_path):
    made = book()
    made.create_chartsheet("Chart1", 0)
    made.create_sheet("Notes")
    assert read(tmp_path, packed(made)) == {"label": LINES}


@pytest.mark.parametrize("column", [1, 16384])
def test_a_cell_far_away_costs_nothing(tmp_path, column):
    made = book()
    made.active.cell(1048576, column).fill = PatternFill("solid", fgColor="FFFFFF")
    assert read(tmp_path, packed(made)) == {"label": LINES}
    made.active.cell(1048576, column).value = "x"
    (lines,) = read(tmp_path, packed(made)).values()
    assert lines[:3] == LINES
    assert lines[3] == (1048576, [""] * (column - 1) + ["x"])


def test_merged_cells_have_one_value(tmp_path):
    made = book()
    made.active.merge_cells("A2:A3")
    assert made.active["A3"].value is None
    assert read(tmp_path, packed(made)) == {"label": LINES}


def test_cells_merged_over_the_whole_sheet_cost_nothing(tmp_path):
    def whole(name, part):
        return part.replace(b"A2:A3", b"A2:XFD1048576") if "sheet1" in name else part

    made = book()
    made.active.merge_cells("A2:A3")
    (lines,) = read(tmp_path, packed(made, whole)).values()
    assert lines[1:] == [(2, ["s1"] * 3), (3, ["s1"] * 3)]


@pytest.mark.parametrize("count", [20_000, 1_000_000])
def test_too_many_merged_cells_are_refused(tmp_path, count):
    def many(name, part):
        return part.replace(b"</mergeCells>", one * count + b"</mergeCells>")

    one = b'<mergeCell ref="A1:XFD1048576"/>'
    made = book()
    made.active.merge_cells("A2:A3")
    content = packed(made, many)
    if count > 20_000:
        with pytest.raises(DataError, match="20,000 merged cells"):
            read(tmp_path, content)
    else:
        assert len(read(tmp_path, content)["label"]) == 3


def test_too_many_cells_in_far_columns_are_refused(tmp_path):
    row = b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>'
    rows = b"".join(row % (number, number) for number in range(1, 2000))

    def far(name, part):
        before = part.partition(b"<sheetData>")[0]
        return before + b"<sheetData>" + rows + b"</sheetData></worksheet>"

    content = packed(book(), lambda name, part: far(name, part) if "sheet1" in name else part)
    with pytest.raises(DataError, match="5,000,000 cells"):
        read(tmp_path, content)


def test_too_much_is_refused_before_it_is_read(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def bomb(name, part):
        return b"<a>" + b"x" * (2 * MOST_BYTES) if "sheet1" in name else part

    content = packed(book(), bomb)
    made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="unpacks to more than 40 MB"):
        read(tmp_path, content)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - max(before, made) < 200_000  # KiB


def cut(name, part):
    return part[: len(part) // 2] if "sheet1" in name else part


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip", packed(book(), cut)])
def test_damage_is_one_message(tmp_path, content):
    with pytest.raises(DataError, match=r"book\.xlsx cannot be read as an \.xlsx workbook"):
        read(tmp_path, content)


def test_a_file_that_is_not_there_is_one_message(tmp_path):
    with pytest.raises(DataError, match=r"There is no .*gone\.xlsx, expected an \.xlsx workbook"):
        read_workbook(tmp_path / "gone.xlsx")
    with pytest.raises(DataError, match="Is a directory"):
        read_workbook(tmp_path)


WHOLE = packed(book())
PARTS = sorted(zipfile.ZipFile(io.BytesIO(WHOLE)).namelist())


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(tmp_path_factory, at, byte):
    content = bytearray(WHOLE)
    content[at] = byte
    with suppress(DataError):
        read(tmp_path_factory.mktemp("changed"), bytes(content))


@given(st.sampled_from(PARTS), st.floats(0, 1), st.binary(max_size=4))
def test_changed_xml_is_read_or_refused(tmp_path_factory, name, place, what):
    def changed(part_name, part):
        at = int(place * len(part))
        return part[:at] + what + part[at + 2 :] if part_name == name else part

    with suppress(DataError):
        read(tmp_path_factory.mktemp("changed"), packed(book(), changed))
