"""Every CSV table is parsed in one place: cells are bounded, and no row shifts in silence."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import openmer
from openmer._csv_rows import MOST_CELL, csv_records, csv_rows
from openmer.datasets import label_scheme, read_folds, read_footage, read_manifest, read_truth_csv
from openmer.errors import DataError
from openmer.evaluation import read_spotted
from openmer.evaluation.audit._results_table import read_claims, read_rows, read_splits
from openmer.video import read_events

_READERS = {
    "corpus,subject,clip,label,frames": read_manifest,
    "word,class": lambda path: label_scheme(str(path)),
    "fold,subject": lambda path: read_folds(path, []),
    "video,kind,onset,offset": read_truth_csv,
    "vid,pred_onset,pred_offset,type": read_spotted,
    "epoch,uf1,note": read_claims,
    "subject,truth,predicted": read_rows,
    "fold,part,subject": read_splits,
    "kind,onset,offset": read_events,
    "video,kind,onset,apex,offset": lambda path: read_footage(path.parent),
}
_OWN = {"_csv_rows.py", "_corrections.py", "_published.py", "affectnet.py", "fer2013.py"}


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=1), min_size=1))
def test_what_is_written_is_read(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    assert list(csv_rows(Path("a.csv"), text.getvalue())) == rows


@pytest.mark.parametrize("header", _READERS)
@pytest.mark.parametrize("row", ["a,{}", '"{}"\n"{}', 'a,"b\n'])
def test_each_reader_names_a_row_that_is_none(tmp_path, header, row):
    path = tmp_path / "truth.csv"
    path.write_text(f"{header}\n{row.format('9' * (MOST_CELL + 1), 'x')}\n")
    with pytest.raises(DataError, match=r"truth\.csv.* row 2\b"):
        _READERS[header](path)


@pytest.mark.parametrize("header", _READERS)
def test_each_reader_names_a_second_header_with_other_places(tmp_path, header):
    path = tmp_path / "truth.csv"
    cells = header.split(",")
    path.write_text(f"{header}\n{','.join('1' for _ in cells)}\n{','.join(cells[::-1])}\n")
    with pytest.raises(DataError, match=r"row 3 is a header again"):
        _READERS[header](path)


def test_tables_that_were_joined_or_cut_off(tmp_path):
    path = tmp_path / "a.csv"
    joined = "subject,truth,predicted\ns1,a,b\nsubject,truth,predicted\ns2,b,b\n"
    path.write_text(joined)
    assert [row.subject for row in read_rows(path)] == ["s1", "s2"]
    path.write_text("fold,subject,note\n1,lab/a,x\n2,lab/b")
    with pytest.raises(DataError, match="ends within row 3, which has 2 of 3 cells"):
        read_folds(path, [])


def test_cells_that_shift_are_named():
    for text in ("a,b\n1,2\n1,2,3\n", "a,b\n1,2\n1,2,,3"):
        with pytest.raises(DataError, match=r"row 3 has \d cells, expected 2"):
            csv_records(Path("a.csv"), text)
    with pytest.raises(DataError, match="column 'a' more than once"):
        csv_records(Path("a.csv"), "a,a\n1,2\n")
    assert csv_records(Path("a.csv"), "\n\na,b\n1,2,\n\n1\n") == (
        ("a", "b"),
        [(4, {"a": "1", "b": "2"}), (6, {"a": "1"})],
    )


def test_no_other_module_parses_tables_of_users():
    found = {
        path.name
        for path in Path(openmer.__file__).parent.rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("csv.reader(", "csv.DictR"))
    }
    assert found <= _OWN


def test_names_of_rows_under_no_header_are_refused():
    table = "subject,truth,note\n1,3,0,\n2,3,1,\n"
    with pytest.raises(DataError, match=r"write\.table.*row\.names = FALSE"):
        csv_records(Path("a.csv"), table)
    _, rows = csv_records(Path("a.csv"), "subject,truth\n3,0,\n4,1,\n")  # a separator at each end
    assert [row["subject"] for _, row in rows] == ["3", "4"]
