"""The composite, exactly: 442 clips, 68 subjects, 250, 109 and 83; sheets at true size."""

from collections import Counter

import openpyxl
import pytest

from openmer import datasets
from openmer.datasets import label_scheme, labelled, megc2019
from openmer.datasets.fakes import write_fake
from openmer.errors import DataError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("composite") / "all"
    return write_fake("megc2019", folder, full=True, frames=False)


def classes_of(clips, scheme="megc2019-3"):
    kept, targets = labelled(clips, label_scheme(scheme))
    names = label_scheme(scheme).classes
    return len(kept), dict(Counter(names[target] for target in targets))


def edit(path, change):
    book = openpyxl.load_workbook(path)
    change(book[book.sheetnames[0]])
    book.save(path)
    book.close()


def test_the_composite_is_the_challenges(root):
    clips = datasets.load_clips("megc2019", root, frames="none")
    assert len(clips) == 442
    assert len({clip.subject_id for clip in clips}) == 68
    assert classes_of(clips) == (442, {"negative": 250, "positive": 109, "surprise": 83})
    assert dict(megc2019.CLASSES) == {"negative": 250, "positive": 109, "surprise": 83}


@pytest.mark.parametrize(
    ("corpus", "subjects", "classes"),
    [
        ("smic", 16, {"negative": 70, "positive": 51, "surprise": 43}),
        ("casme2", 24, {"negative": 88, "positive": 32, "surprise": 25}),
        ("samm", 28, {"negative": 92, "positive": 26, "surprise": 15}),
    ],
)
def test_its_parts(root, corpus, subjects, classes):
    clips = [c for c in datasets.load("megc2019", root, frames="none") if c.corpus == corpus]
    assert len({clip.subject_id for clip in clips}) == subjects == megc2019.SUBJECTS[corpus]
    assert classes_of(clips) == (megc2019.CLIPS[corpus], classes)


def test_who_and_what_is_left_out(root):
    clips = datasets.load_clips("megc2019", root, frames="none")
    subjects = {clip.subject_id for clip in clips}
    assert not subjects & {"casme2/sub10", "casme2/sub18", "samm/025"}
    keys = {clip.key for clip in clips}
    assert not keys & {"casme2/sub04/EP12_01f", "casme2/sub05/EP09_05f"}
    words = {clip.emotion for clip in clips if clip.corpus == "casme2"}
    assert words == {"disgust", "repression", "happiness", "surprise"}


def test_check_finds_it_whole(root):
    assert [str(p) for p in datasets.check("megc2019", root, frames="none") if p.fatal] == []


def test_three_roots_do_as_well_as_one(root, monkeypatch):
    for part in ("casme2", "samm", "smic"):
        monkeypatch.setenv(f"OPENMER_{part.upper()}_ROOT", str(root / part))
    whole = datasets.load("megc2019", root, frames="none")
    assert datasets.load("megc2019", frames="none") == whole


def test_single_corpus_schemes(root):
    casme2 = datasets.load_clips("casme2", root / "casme2", frames="none")
    samm = datasets.load_clips("samm", root / "samm", frames="none")
    smic = datasets.load_clips("smic", root / "smic", frames="none")
    assert classes_of(casme2, "casme2-5") == (
        246,
        {"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25},
    )
    assert classes_of(samm, "samm-5") == (
        136,
        {"anger": 57, "happiness": 26, "other": 26, "surprise": 15, "contempt": 12},
    )
    assert classes_of(smic, "smic-3")[0] == 164
    assert classes_of(casme2, "casme2-3") == (147, {"negative": 90, "positive": 32, "surprise": 25})


def test_a_clip_less_is_refused_and_named_by_part(tmp_path):
    folder = write_fake("megc2019", tmp_path / "all", full=True, frames=False)
    edit(folder / "samm/SAMM_Micro_FACS_Codes_v2.xlsx", lambda table: table.delete_rows(15))
    with pytest.raises(DataError, match="megc2019/samm: 132 clips, expected 133"):
        datasets.load("megc2019", folder, frames="none")
    assert len(datasets.load("megc2019", folder, frames="none", strict=False)) == 441


def test_an_apex_where_the_2014_coding_has_none_is_refused(tmp_path):
    folder = write_fake("megc2019", tmp_path / "all", full=True, frames=False)

    def give_an_apex(table):
        for row in table.iter_rows():
            if row[4].value == "/":
                row[4].value = row[3].value + 4

    edit(folder / "casme2/CASME2-coding-20140508.xlsx", give_an_apex)
    with pytest.raises(DataError, match="EP12_01f: has an apex"):
        datasets.load("megc2019", folder, frames="none")


def test_an_apex_lost_elsewhere_is_refused(tmp_path):
    folder = write_fake("megc2019", tmp_path / "all", full=True, frames=False)

    def lose_an_apex(table):
        next(r for r in table.iter_rows() if r[8].value == "happiness")[4].value = "/"

    edit(folder / "casme2/CASME2-coding-20140508.xlsx", lose_an_apex)
    with pytest.raises(DataError, match="has no apex"):
        datasets.load("megc2019", folder, frames="none")


def test_the_coding_of_2019_makes_another_composite(tmp_path):
    folder = write_fake("megc2019", tmp_path / "all", full=True, frames=False)
    (folder / "casme2/CASME2-coding-20140508.xlsx").unlink()
    write_fake("casme2", tmp_path / "new", variant="2019", full=True, frames=False)
    sheet = tmp_path / "new/CASME2-coding-20190701.xlsx"
    sheet.rename(folder / "casme2" / sheet.name)
    with pytest.raises(DataError, match="CASME2-coding-20140508"):
        datasets.load("megc2019", folder, frames="none")
    newer = datasets.load_clips("casme2", folder / "casme2", variant="2019", frames="none")
    kept = megc2019.composite(newer)
    assert Counter(clip.emotion for clip in kept)["surprise"] == 28


def test_with_frames(tmp_path):
    folder = write_fake("megc2019", tmp_path / "all")
    clips = datasets.load_clips("megc2019", folder, strict=False, frames="cropped")
    assert all(len(clip.frame_paths) > 2 for clip in clips)
    assert {clip.corpus for clip in clips} == {"casme2", "samm", "smic"}
