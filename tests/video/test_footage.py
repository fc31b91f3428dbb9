"""Known movements are put into a video where the table says, and the table is read and judged."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from tests.video.made_faces import clip, wall

from openmer.errors import DataError
from openmer.video import (
    footage_markdown,
    footage_rows,
    inject_movements,
    open_video,
    write_video,
)
from openmer.video.footage._evaluate import VideoTally
from openmer.video.footage._truth import Movement, read_footage, write_footage


def test_the_table_goes_there_and_back(tmp_path):
    moved = Movement(video="a.mp4", footage="talking", onset=3, apex=5, offset=8, size_px=2.0)
    write_footage(tmp_path, [moved], {"a-plain.mp4": "talking"})
    write_footage(tmp_path, [Movement(video="b.mp4", onset=1, offset=2)], {})
    rows = read_footage(tmp_path)
    assert moved in rows and len(rows) == 3
    assert [row.video for row in rows if row.kind == "none"] == ["a-plain.mp4"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("video,kind\na.mp4,micro\n", "no column onset, offset"),
        ("video,kind,onset,offset\na.mp4,tiny,1,2\n", "line 2.*micro, macro or none"),
        ("video,kind,onset,offset\na.mp4,micro,5,2\n", "line 2.*0 <= onset"),
        ("video,kind,onset,offset\na.mp4,micro,x,2\n", "line 2.*whole frames"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, text, says):
    (tmp_path / "truth.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"(?s){says}"):
        read_footage(tmp_path)


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


def test_scores_are_counted_by_hand():
    calm = tally(movements=(), hits=(), touched=(), found=3, false=3, calm_s=30.0, restarts=0)
    still, everything = footage_rows([tally(), calm])
    assert still.footage == "still" and everything.footage == "all"
    assert (still.recall, still.recall_touched, still.recall_upper) == (0.5, 1.0, 1.0)
    assert still.recall_by_size == (None, 1.0, None, 0.0)
    assert (still.precision, still.false_per_minute) == (0.25, 6.0)
    assert still.f1 == pytest.approx(1 / 3)
    assert (still.restarts_per_minute, still.clear_share) == (1.0, 0.5)
    assert "| still | 2 | 2 | 0.50 |" in footage_markdown([still])


@pytest.mark.usefixtures("face_mesh")
def test_movements_are_where_the_table_says(tmp_path):
    picture = cv2.resize(clip(1).frames_rgb[0], (256, 256), interpolation=cv2.INTER_CUBIC)
    image = np.repeat(wall(320, 280)[..., None], 3, 2)
    image[12:268, 32:288] = picture
    source = write_video(tmp_path / "one.mp4", [image] * 12, fps=Fraction(10))
    movements = inject_movements([source], tmp_path / "out", seed=3, footage="still")
    assert movements == inject_movements([source], tmp_path / "again", seed=3, footage="still")
    assert {row.kind for row in read_footage(tmp_path / "out")} == {"micro", "none"}
    with open_video(tmp_path / "out" / "one.mp4") as video:
        grays = [frame.gray.astype(float) for frame in video]
    assert 160 <= len(grays) <= 240
    moved = {n for one in movements for n in range(one.onset + 1, one.offset)}
    changed = np.array([np.abs(gray - grays[0]).max() for gray in grays])
    calm = [n for n in range(len(grays)) if n not in moved]
    apexes = [one.apex for one in movements if one.size_px >= 2]
    assert changed[apexes].min() > changed[calm].max()
