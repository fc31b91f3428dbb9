"""Known movements are put into a video where the table says, and the table is read and judged."""

import csv
from fractions import Fraction

import cv2
import numpy as np
import pytest
from tests.video.made_analysis import analysis, info
from tests.video.made_faces import clip, wall

from openmer.datasets._footage_table import Movement, read_footage, write_footage
from openmer.errors import ConfigError, DataError
from openmer.video import (
    footage_rows,
    footage_table,
    inject_movements,
    open_video,
    write_video,
)
from openmer.video.footage._evaluate import VideoTally, tally_of


def test_the_table_goes_there_and_back(tmp_path):
    moved = Movement(video="a.mp4", footage="talking", onset=3, apex=5, offset=8, size_px=2.0)
    plain = Movement(video="a-plain.mp4", footage="talking", kind="none")
    write_footage(tmp_path, [moved], [plain])
    write_footage(tmp_path, [Movement(video="b.mp4", onset=1, offset=2)], [])
    rows = read_footage(tmp_path, is_there=False)
    assert moved in rows and len(rows) == 3
    assert [row.video for row in rows if row.kind == "none"] == ["a-plain.mp4"]


def test_what_a_user_wrote_into_the_table_stays(tmp_path):
    own = "video,kind,onset,offset,apex,Coder note\na.mp4,Micro,1,5,nan,anna\nb.mp4,none,,,,\n"
    (tmp_path / "truth.csv").write_bytes(own.encode())
    write_footage(tmp_path, [Movement(video="a.mp4", onset=1, offset=2)], [])  # not a second time
    write_footage(tmp_path, [Movement(video="c.mp4", onset=1, offset=2)], [])
    with (tmp_path / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["video"], row["coder note"]) for row in rows] == [
        ("a.mp4", "anna"), ("b.mp4", ""), ("c.mp4", ""),
    ]  # fmt: skip
    assert rows[0]["kind"] == "Micro" and rows[0]["apex"] == "nan"


@pytest.mark.parametrize(
    "text",
    [
        "video,kind,onset,offset,apex,size_px\n{},Micro,1.0,5.0,nan,2.0\n",
        "sep=;\nvideo;kind;onset;offset;apex;size_px\n{};micro;1;5;;2\n",
        "video\tkind\tonset\toffset\tapex\tsize_px\n{}\tmicro\t1\t5\t-1\t2.\n",
    ],
    ids=["pandas", "sep", "tabs"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["talk 1.mp4", ".\\talk 1.mp4", "TALK 1.MP4", "./talk 1.mp4"])
def test_honest_spellings_are_read(tmp_path, text, encoding, name):
    (tmp_path / "talk 1.mp4").touch()
    (tmp_path / "truth.csv").write_bytes(text.format(name).encode(encoding))
    (row,) = read_footage(tmp_path, notes := [])
    assert row == Movement(video="talk 1.mp4", onset=1, offset=5, size_px=2.0)
    assert len(notes) == (name[:2] in (".\\", "TA"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("video,kind\na.mp4,micro\n", "lacks the column onset, offset"),
        ("video,kind,onset,offset,onset\na.mp4,micro,1,2,3\n", "'onset' more than once"),
        ("video,kind,onset,offset\na.mp4,tiny,1,2\n", "row 2: kind 'tiny' is not micro"),
        ("video,kind,onset,offset\na.mp4,nan,1,2\n", "row 2: kind '' is not micro"),
        ("video,kind,onset,offset\na.mp4\n", "row 2: kind '' is not micro"),
        (f"video,kind,onset,offset\n{'a' * 300}.mp4,micro,1,2\n", "row 2.*too long"),
        ("video,kind,onset,offset\na.mp4,micro,5,2\n", "row 2.*0 <= onset"),
        ("video,kind,onset,offset\na.mp4,none,5,\n", "row 2.*0 <= onset"),
        ("video,kind,onset,offset\na.mp4,micro,x,2\n", "row 2: onset 'x' is not a whole"),
        ("video,kind,onset,offset\na.mp4,micro,1_0,12\n", "row 2: onset '1_0' is not a whole"),
        ("video,kind,onset,offset\n,micro,1,2\n", "row 2: video is empty"),
        ("video,kind,onset,apex,offset\na.mp4,micro,1,9,5\n", "row 2.*apex '9'"),
        ("video,kind,onset,offset\na.mp4,micro,1,2\n./a.mp4,micro,1,2\n", "already in row 2"),
        ("video,kind,onset,offset,size_px\na.mp4,micro,1,2,inf\n", "size_px 'inf' is no number"),
        ("video,kind,onset,offset,footage\na.mp4,micro,1,2,All\n", "'all' is what all of them"),
        ("video,kind,onset,offset\nb.mp4,micro,1,2\n", "paths that are not there.*a.mp4 does"),
        ("video,kind,onset,offset\na.mp4,micro,1,2\nlink.mp4,micro,4,5\n", "two names"),
        ("video,kind,onset,offset\na.mp4,micro,1,2\na.mp4,none,,\n", "none in the whole"),
        (
            "video,footage,kind,onset,offset\na.mp4,x,micro,1,2\na.mp4,y,micro,4,5\n",
            "'x' and 'y'",
        ),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, text, says):
    (tmp_path / "truth.csv").write_text(text, encoding="utf-8")
    (tmp_path / "a.mp4").touch()
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    with pytest.raises(DataError, match=f"(?s){says}"):
        read_footage(tmp_path)


def test_a_name_that_no_system_takes_is_no_file(tmp_path):
    name = f"{'a' * 300}.mp4"
    (tmp_path / "truth.csv").write_text(f"video,kind,onset,offset\n{name},micro,1,2\n")
    (row,) = read_footage(tmp_path, is_there=False)
    assert row.video == name


def tally(**changes):
    told = {
        "video": "a.mp4", "footage": "still", "hits": (True, False), "touched": (True, True),
        "movements": (
            Movement(video="a.mp4", region="inner brow up", onset=1, offset=4, size_px=2.0),
            Movement(video="a.mp4", region="corner up", onset=9, offset=14, size_px=4.0),
        ),
        "found": 4, "false": 0, "macros": 0, "faces": 1, "face_s": 30.0, "clear_s": 15.0,
        "restarts": 1, "calm_s": 0.0,
    }  # fmt: skip
    return VideoTally(**{**told, **changes})


def test_a_movement_beyond_the_end_is_no_miss():
    rows = [Movement(video="a.mp4", onset=5, offset=10)]
    with pytest.raises(DataError, match="up to frame 10, but only 10 frames"):
        tally_of("a.mp4", rows, analysis(info=info("a.mp4"), frames=10))


def test_scores_are_counted_by_hand():
    calm = tally(movements=(), hits=(), touched=(), found=3, false=3, calm_s=30.0, restarts=0)
    still, everything = footage_rows([tally(), calm])
    assert still.footage == "still" and everything.footage == "all"
    assert (still.recall, still.recall_touched, still.recall_upper) == (0.5, 1.0, 1.0)
    assert still.recall_by_size == (None, 1.0, None, 0.0)
    assert (still.precision, still.false_per_minute) == (0.25, 6.0)
    assert still.f1 == pytest.approx(1 / 3)
    assert (still.restarts_per_minute, still.clear_share) == (1.0, 0.5)
    assert footage_table([still]).rows[0][:5] == ("still", "2", "2", "0.50", "1.00")


def test_what_cannot_be_made_is_refused_before_the_work(tmp_path):
    for name in ("day1", "day2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "w.mp4").write_text(name)
    one, other = (tmp_path / name / "w.mp4" for name in ("day1", "day2"))
    with pytest.raises(DataError, match=r"w\.mp4 is a file"):
        inject_movements([one], one / "out")
    with pytest.raises(DataError, match=r"would both give w\.mp4"):
        inject_movements([one, other], tmp_path / "out")
    with pytest.raises(DataError, match=r"w\.mp4 already"):
        inject_movements([one], tmp_path / "day1")
    with pytest.raises(ConfigError, match="'all'"):
        inject_movements([one], tmp_path / "out", footage="all")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("face_mesh")
def test_movements_are_where_the_table_says(tmp_path):
    picture = cv2.resize(clip(1).frames_rgb[0], (256, 256), interpolation=cv2.INTER_CUBIC)
    image = np.repeat(wall(320, 280)[..., None], 3, 2)
    image[12:268, 32:288] = picture
    source = write_video(tmp_path / "one.mp4", [image] * 12, fps=Fraction(10))
    movements = inject_movements([source], tmp_path / "out", seed=3, footage="still")
    assert movements == inject_movements([source], tmp_path / "again", seed=3, footage="still")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    (tmp_path / "link.mp4").symlink_to(source)
    both = [tmp_path / "link.mp4", source]
    with pytest.raises(DataError, match=r"one-plain\.mp4 already.*--seed"):
        inject_movements([source], tmp_path / "out", seed=4, footage="still")
    inject_movements([source, *both], tmp_path / "out", seed=3, footage="still")  # all done before
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    assert {row.kind for row in read_footage(tmp_path / "out")} == {"micro", "none"}
    with open_video(tmp_path / "out" / "one.mp4") as video:
        grays = [frame.gray.astype(float) for frame in video]
    assert 160 <= len(grays) <= 240
    moved = {n for one in movements for n in range(one.onset + 1, one.offset)}
    changed = np.array([np.abs(gray - grays[0]).max() for gray in grays])
    calm = [n for n in range(len(grays)) if n not in moved]
    apexes = [one.apex for one in movements if one.size_px >= 2]
    assert changed[apexes].min() > changed[calm].max()
