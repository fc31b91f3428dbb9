"""Many videos end in one table, one page and one CSV file, a line for each face."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from tests.video.made_analysis import analysis, event, info
from tests.video.test_mesh_spot import curves

from openmer.errors import DataError
from openmer.video import (
    check_summary,
    quality_of,
    summary_table,
    videos_in,
    write_events,
    write_summary,
)


@pytest.fixture
def folders(tmp_path):
    """Two videos: a face with two events and a gated movement in 10 s, and no face."""
    face = curves(mouth_opening=0.02 + 0.001 * np.arange(300) / 300)
    found = analysis(
        event(onset_s=2.0), event(onset_s=5.0, length_s=1.0, kind="macro", class_name=None),
        faces=(face,), qualities=(quality_of(face),), gated=(event(onset_s=8.0),),
        info=info("/videos/=talk <1>.mp4"),
    )  # fmt: skip
    write_events(tmp_path / "talk", found)
    write_events(tmp_path / "wall", analysis(faces=(), info=info("/videos/wall.mp4")))
    return [tmp_path / "talk", tmp_path / "wall"]


def test_the_sheet_has_plain_numbers(folders, tmp_path):
    write_summary(tmp_path, folders)
    with (tmp_path / "summary.csv").open(encoding="utf-8", newline="") as file:
        talk, wall = csv.DictReader(file)
    assert talk["video"] == "'=talk <1>.mp4" and talk["subject_id"] == "1"  # no formula
    assert (talk["micro"], talk["macro"], talk["gated"]) == ("1", "1", "1")
    assert float(talk["micro_per_minute"]) == pytest.approx(60 / float(talk["clear_s"]), rel=1e-4)
    assert (talk["class_positive"], talk["class_no_class"]) == ("1", "1")
    assert talk["is_measurable"] == "1" and float(talk["fps"]) == 30
    assert (wall["subject_id"], wall["micro_per_minute"], wall["class_positive"]) == ("0", "", "0")


def test_the_page_shows_every_face_links_every_report_and_escapes(folders, tmp_path):
    write_summary(tmp_path, folders, ["broken.mp4 cannot be read. <b>Copy it again.</b>"])
    page = (tmp_path / "summary.html").read_text(encoding="utf-8")
    assert "1 micro-expression and 1 macro-expression on 1 face in 2 videos" in page
    assert 'href="talk/report.html"' in page and 'href="wall/report.html"' in page
    assert "&lt;b&gt;Copy" in page and "=talk &lt;1&gt;.mp4" in page and "<script" not in page
    before = (tmp_path / "summary.html").read_bytes()
    write_summary(tmp_path, folders, ["broken.mp4 cannot be read. <b>Copy it again.</b>"])
    assert (tmp_path / "summary.html").read_bytes() == before


def test_the_last_line_is_all_of_them(folders, tmp_path):
    table = summary_table(write_summary(tmp_path, folders))
    assert table.rows[1][1] == "none" and table.rows[1][-1] == "no face"
    assert table.rows[-1][0] == "all 2 videos" and table.rows[-1][3] == "1"


@pytest.mark.parametrize("name", ["summary.csv", "summary.html"])
def test_a_summary_of_somebody_else_stays(folders, tmp_path, name):
    write_summary(tmp_path, folders)
    check_summary(tmp_path)  # ours
    (tmp_path / name).write_text("subject,age\n1,30\n")
    with pytest.raises(DataError, match=f"{name} does not say that OpenMER wrote it"):
        write_summary(tmp_path, folders)
    assert (tmp_path / name).read_text() == "subject,age\n1,30\n"


def test_a_folder_whose_name_is_no_text_is_linked(folders, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/t\xe4lk"))
    folders[0].rename(odd)
    write_summary(tmp_path, [odd])
    assert 'href="t%E4lk/report.html"' in (tmp_path / "summary.html").read_text("utf-8")


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(DataError, match=r"events\.json"):
        write_summary(tmp_path, [tmp_path / "nothing"])


def test_a_folder_of_videos_is_these_videos_and_one_of_images_is_one(tmp_path):
    for name in (
        "videos/b.mp4",
        "videos/a.MOV",
        "videos/.c.mp4",
        "videos/notes.txt",
        "frames/1.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = videos_in([tmp_path / "videos", tmp_path / "frames", tmp_path / "videos" / "b.mp4"])
    assert [path.name for path in found] == ["a.MOV", "b.mp4", "frames"]
