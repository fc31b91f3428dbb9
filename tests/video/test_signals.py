"""The tables of signals hold what was measured, in every form, and read back as numbers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.video.made_analysis import analysis, event
from tests.video.test_mesh_spot import FPS, ROWS, bump, curves

from openmer.errors import ConfigError
from openmer.video import Request, signal_columns, write_signals
from openmer.video.faces._patch import FACE_WIDTH_PX
from openmer.video.faces._seen import SIGNALS
from openmer.video.output._signals import strain_percent
from openmer.video.spotting._regions import REGIONS, points, usual_layout

# The columns of OpenFace 2.2 before its landmarks, as its wiki lists them.
OPENFACE = [
    "frame",
    "face_id",
    "timestamp",
    "confidence",
    "success",
    "gaze_0_x",
    "gaze_0_y",
    "gaze_0_z",
    "gaze_1_x",
    "gaze_1_y",
    "gaze_1_z",
    "gaze_angle_x",
    "gaze_angle_y",
    "pose_Tx",
    "pose_Ty",
    "pose_Tz",
    "pose_Rx",
    "pose_Ry",
    "pose_Rz",
]


@pytest.fixture(scope="module")
def found():
    """A face whose chin moves and whose mouth opens at 5 s, and one without the mesh."""
    opens = 0.02 + 0.2 * np.clip(np.sin(2 * np.pi * 3 * np.arange(ROWS) / FPS), 0, 1)
    talks = np.where(np.arange(ROWS) < 90, opens, 0.02)
    face = curves([("chin", 1, 2 * bump(5, 0.4))], yaw=12.5, pitch=-3.0, mouth_opening=talks)
    other = replace(face, subject_id=2, signals=np.empty((0, len(SIGNALS))))
    gated = event(onset_s=1.0, strength=4.0)
    return analysis(event(onset_s=4.8), faces=(face, other), gated=(gated,))


def test_both_files_hold_a_line_for_every_frame_of_every_face(found, tmp_path):
    sheet, parquet = write_signals(tmp_path, found)
    rows = pd.read_csv(sheet)
    pd.testing.assert_frame_equal(rows, pd.read_parquet(parquet), check_dtype=False)
    assert len(rows) == 2 * ROWS
    one, other = rows[rows.subject_id == 1], rows[rows.subject_id == 2]
    assert (one.yaw == 12.5).all() and other.yaw.isna().all() and other.gate_speech.isna().all()
    assert one.time_s[30] == 1.0 and (one.frame == np.arange(ROWS)).all()
    largest = one.loc[one.chin_y.idxmax()]
    assert largest.time_s == pytest.approx(5, abs=0.1)
    assert largest.chin_y == pytest.approx(200 / FACE_WIDTH_PX, rel=0.1)
    assert largest.strain_lower > 5 * one.strain_lower.median()
    assert largest.strain_upper < 2 * one.strain_upper.median()


def test_gates_and_candidates_stand_at_their_frames(found):
    rows = pd.DataFrame(signal_columns(found))
    one = rows[rows.subject_id == 1]
    assert one.gate_speech[20:70].all() and not one.gate_speech[150:].any()
    assert set(one.candidate) == {0.0, 2.5, 4.0}
    assert set(one.frame[one.event == 1]) == set(range(144, 154))
    assert (one.candidate[one.event == 1] == 2.5).all() and (one.event >= 0).all()


def test_the_long_form_holds_the_same_values(found, tmp_path):
    wide = pd.DataFrame(signal_columns(found))
    long = pd.read_parquet(write_signals(tmp_path, found, ["long"])[1])
    assert list(long) == ["subject_id", "frame", "time_s", "signal", "value"]
    again = long.pivot_table(index=["subject_id", "frame"], columns="signal", values="value")
    for name in ("yaw", "chin_y", "gate_speech", "event"):
        expected = wide.set_index(["subject_id", "frame"])[name].dropna()
        np.testing.assert_allclose(again[name].dropna(), expected, atol=1e-6)


def test_openface_readers_find_their_columns(found, tmp_path):
    paths = write_signals(tmp_path, found, ["openface"])
    assert [path.name for path in paths[::2]] == ["openface-subject1.csv", "openface-subject2.csv"]
    rows = pd.read_csv(paths[0])
    assert list(rows) == OPENFACE
    assert rows.frame[0] == 1 and (rows.success == 1).all()
    assert rows.pose_Rx[0] == pytest.approx(np.radians(-3), abs=1e-5)
    assert rows.pose_Ry[0] == pytest.approx(np.radians(-12.5), abs=1e-5)


def test_no_face_is_a_table_without_lines(tmp_path):
    for path in write_signals(tmp_path, analysis(faces=()), ["wide", "long"])[::2]:
        assert list(pd.read_csv(path))[:3] == ["subject_id", "frame", "time_s"]
        assert len(pd.read_csv(path)) == 0


def test_an_unknown_form_is_refused_before_the_work():
    with pytest.raises(ConfigError, match="openface"):
        Request(signals=("openfaces",))


@given(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02), st.floats(-5, 5))
def test_strain_knows_stretching_from_shifting_and_turning(stretch, turn, shift):
    places = usual_layout().regions @ points()
    moved = places @ np.array([[stretch, turn], [-turn, 0.0]]) + shift
    found = strain_percent(moved[None], np.ones(len(REGIONS), bool))
    assert found[0] == pytest.approx(100 * abs(stretch), abs=1e-6)
