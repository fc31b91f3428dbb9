"""What was measured of each face in each frame, as a table for statistics."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmer.files import replace_file
from openmer.video.faces._patch import FACE_WIDTH_PX
from openmer.video.faces._seen import SIGNALS
from openmer.video.spotting._curves import FaceCurves
from openmer.video.spotting._regions import REGIONS

Floats = NDArray[np.float64]

_DIGITS = 6


def write_signals(path: Path | str, faces: Sequence[FaceCurves]) -> Path:
    """Write one line for each face and frame: time, signals of the mesh, movement of each region.

    Columns: ``subject_id``, ``frame``, ``time_s``; `SIGNALS` (angles in degrees, the others as in
    `Seen.signals`), empty without the mesh; then ``_x`` and ``_y`` of each region apart from the
    head, percent of the face's width since the face came into view, x right and y down.

    Args:
        path: A CSV file; replaced.
        faces: Of an `Analysis`.

    Returns:
        The path.

    Raises:
        DataError: The file cannot be written.
    """
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    regions = [f"{name.replace(' ', '_')}_{axis}" for name in REGIONS for axis in "xy"]
    writer.writerow(["subject_id", "frame", "time_s", *SIGNALS, *regions])
    for curves in faces:
        moved = 100 / FACE_WIDTH_PX * curves.regions_px.reshape(len(curves), -1)
        told = curves.signals if curves.has_mesh else np.full((len(curves), len(SIGNALS)), np.nan)
        for row in range(len(curves)):
            time_s = f"{curves.times_s[row]:.6f}"
            place = (curves.subject_id, int(curves.frames[row]), time_s)
            writer.writerow([*place, *_cells(told[row]), *_cells(moved[row])])
    path = Path(path)
    replace_file(path, sheet.getvalue())
    return path


def _cells(values: Floats) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.{_DIGITS}g}" for value in values]
