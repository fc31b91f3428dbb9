"""The table of signals holds what was measured, and reads back as numbers."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from tests.video.test_mesh_spot import ROWS, bump, curves

from openmer.video import write_signals
from openmer.video.faces._patch import FACE_WIDTH_PX
from openmer.video.faces._seen import SIGNALS


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_frame_of_every_face_has_a_line(tmp_path):
    face = curves([("chin", 1, 2 * bump(5, 0.4))], yaw=12.5)
    other = replace(face, subject_id=2, signals=np.empty((0, len(SIGNALS))))
    rows = rows_of(write_signals(tmp_path / "signals.csv", [face, other]))
    assert len(rows) == 2 * ROWS
    assert float(rows[7]["yaw"]) == 12.5 and rows[7]["frame"] == "7"
    assert float(rows[30]["time_s"]) == pytest.approx(1)
    largest = max(rows[:ROWS], key=lambda row: float(row["chin_y"]))
    assert float(largest["time_s"]) == pytest.approx(5, abs=0.1)
    assert float(largest["chin_y"]) == pytest.approx(200 / FACE_WIDTH_PX, rel=0.1)
    assert rows[ROWS]["subject_id"] == "2" and rows[ROWS]["yaw"] == ""
