"""Corrections are data, and refuse to run on a sheet that says something else."""

from fractions import Fraction

import openpyxl
import pytest

from openmer.datasets import load_clips
from openmer.datasets._annotations import Annotation
from openmer.datasets._corrections import corrected, read_corrections
from openmer.datasets.fakes import write_fake
from openmer.errors import DataError


def annotation(**changes):
    fields = {"onset": "100", "apex": "120", "offset": "150", "emotion": "Anger"}
    return Annotation(
        corpus="samm",
        subject="028",
        name="028_4_1",
        fps=Fraction(200),
        folder=None,
        **(fields | changes),
    )


def fix(field="apex", was="120", now="125", reason="seen in the video"):
    return {"clip": "028/028_4_1", "field": field, "was": was, "now": now, "reason": reason}


def test_a_known_fault_is_corrected():
    (fixed,) = corrected([annotation()], [fix()])
    assert fixed == annotation(apex="125")


def test_other_clips_are_left_alone():
    (same,) = corrected([annotation()], [{**fix(), "clip": "006/006_1_2"}])
    assert same == annotation()


def test_what_already_says_so_is_left_alone():
    assert corrected([annotation(apex="125")], [fix()]) == [annotation(apex="125")]


def test_a_sheet_that_says_something_else_is_refused():
    with pytest.raises(DataError, match=r"expects apex '120', the sheet says '121'.*seen in"):
        corrected([annotation(apex="121")], [fix()])


def test_two_corrections_of_one_clip():
    fixes = [fix(), fix(field="emotion", was="Anger", now="Fear")]
    assert corrected([annotation()], fixes) == [annotation(apex="125", emotion="Fear")]


@pytest.mark.parametrize("wrong", ["", "/", "99", "100", "151"])
def test_an_impossible_apex_is_replaced_whatever_it_is(wrong):
    (fixed,) = corrected([annotation(apex=wrong)], [fix(was="impossible")])
    assert fixed.apex == "125"


def test_a_possible_value_is_not_taken_for_the_impossible_one():
    assert corrected([annotation()], [fix(was="impossible")]) == [annotation()]


@pytest.mark.parametrize(("offset", "now"), [("90", "160"), ("110", "160"), ("150", "150")])
def test_an_impossible_offset(offset, now):
    correction = fix(field="offset", was="impossible", now="160")
    (fixed,) = corrected([annotation(offset=offset)], [correction])
    assert fixed.offset == now


def row(field, now):
    return {**fix(field, "impossible", now), "clip": "row 35"}


@pytest.mark.parametrize(
    ("found", "fixes", "now"),
    [
        (("7", "40", "30"), {"apex": "40", "offset": "75"}, ("7", "40", "75")),
        (("7", "60", "30"), {"apex": "40", "offset": "75"}, ("7", "40", "75")),
        (("200", "9", "30"), {"onset": "2", "apex": "20", "offset": "40"}, ("2", "20", "40")),
        (("2647", "9", "30"), {"onset": "1"}, ("1", "9", "30")),
        # of other clips, so left alone whole
        (("7", "20", "30"), {"apex": "40", "offset": "75"}, None),
        (("7", "", "30"), {"apex": "20", "offset": "75"}, None),
        (("507", "", "500"), {"apex": "40", "offset": "75"}, None),
        (("7", "", "30"), {"apex": "40"}, None),
    ],
)
def test_corrections_of_a_row_are_made_all_or_not_at_all(found, fixes, now):
    names = ("onset", "apex", "offset")
    before = annotation(row=35, **dict(zip(names, found, strict=True)))
    (after,) = corrected([before], [row(*one) for one in fixes.items()])
    assert tuple(getattr(after, name) for name in names) == (now or found)


def test_the_shipped_corrections_are_of_the_right_form():
    fixes = read_corrections("samm")
    assert {row["clip"] for row in fixes} == {
        "028/028_4_1",
        "032/032_3_1",
        "032/032_3_2",
        "013/013_1_9",
    }
    assert read_corrections("smic_long") == []


@pytest.mark.parametrize(
    "text",
    [
        "clip,field,was,now\na/b,apex,1,2\n",
        "clip,field,was,now,reason\na/b,apexx,1,2,typo\n",
        "clip,field,was,now,reason\na/b,apex,1,2,\n",
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, text):
    (tmp_path / "lab.csv").write_text(text)
    with pytest.raises(DataError, match=r"lab\.csv"):
        read_corrections("lab", tmp_path)


def test_a_correction_may_name_a_row_of_the_sheet():
    by_row = {**fix(was="impossible"), "clip": "row 7"}
    (fixed,) = corrected([annotation(apex="99", row=7)], [by_row])
    assert fixed.apex == "125"
    assert corrected([annotation(apex="99", row=8)], [by_row])[0].apex == "99"


@pytest.mark.parametrize(("found", "expected"), [("150", "90"), ("", "90"), ("100", "100")])
def test_an_onset_that_is_not_before_the_offset_is_impossible(found, expected):
    (fixed,) = corrected([annotation(onset=found)], [fix("onset", "impossible", "90")])
    assert fixed.onset == expected


@pytest.mark.parametrize("corpus", ["casme", "casme2", "casme3", "fourdme", "mmew", "samm"])
def test_every_correction_names_its_source(corpus):
    rows = read_corrections(corpus)
    assert rows
    assert all("MEB" in row["reason"] for row in rows)


def test_rows_that_were_exchanged_are_put_right():
    rows = read_corrections("fourdme")
    sheet = [annotation(row=i, action_units=f"AU{i % 100}") for i in (145, 146, 147)]
    assert [one.action_units for one in corrected(sheet, rows)] == ["AU45", "AU47", "AU46"]
    assert corrected(sheet[:2], rows) == sheet[:2], "the other row is not there"


def test_an_apex_of_casme2_that_nobody_could_use_is_estimated():
    lost = annotation(row=31, onset="250", apex="/", offset="331")
    (fixed,) = corrected([lost], read_corrections("casme2"))
    assert fixed.apex == "279"
    used = annotation(row=31, onset="250", apex="260", offset="331")
    assert corrected([used], read_corrections("casme2")) == [used]


def test_a_reader_hands_the_rows_of_its_sheet_to_the_corrections(tmp_path):
    root = write_fake("casme2", tmp_path / "casme2", full=True, frames=False)
    path = root / "CASME2-coding-20140508.xlsx"
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    name = sheet["B31"].value
    sheet["D31"], sheet["E31"], sheet["F31"] = 250, "/", 331
    book.save(path)
    (clip,) = [c for c in load_clips("casme2", root, frames="none", strict=False) if c.name == name]
    assert (clip.onset, clip.apex, clip.offset) == (0, 29, 81)
