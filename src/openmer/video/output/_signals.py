"""What was measured of each face in each frame, as tables for statistics, in several forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmer.files import writing_file
from openmer.registry import Registry
from openmer.video._analysis import Analysis
from openmer.video._event import Interval
from openmer.video.faces._patch import FACE_WIDTH_PX
from openmer.video.faces._resample import uniform_runs
from openmer.video.faces._seen import SIGNALS
from openmer.video.output._timeline import motion_percent
from openmer.video.spotting._curves import FaceCurves
from openmer.video.spotting._gates import GATED, gates_of
from openmer.video.spotting._regions import NEAR_EYES, REGIONS, points, usual_layout

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[np.generic]]
SignalForm = Callable[[Analysis], Mapping[str, Columns]]
"""Gives the columns of each table by the name of its file, without the ending."""

SIGNAL_FORMS: Registry[SignalForm] = Registry("form of signals")

_HEAD = ("head_x", "head_y", "head_angle", "head_size")
_MOVED = tuple(f"{name.replace(' ', '_')}_{axis}" for name in REGIONS for axis in "xy")
_KEYS = ("subject_id", "frame", "time_s")
_DIGITS = 6
_OPENFACE_POSE = {"pose_Rx": ("pitch", 1), "pose_Ry": ("yaw", -1), "pose_Rz": ("roll", 1)}
_OPENFACE_EMPTY = (
    *(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"), "gaze_angle_x", "gaze_angle_y",
    "pose_Tx", "pose_Ty", "pose_Tz",
)  # fmt: skip


def register_signal_form(name: str) -> Callable[[SignalForm], SignalForm]:
    """Return a decorator that registers a form in which signals are written.

    Args:
        name: How `openmer analyze --signals-form` calls it.

    Returns:
        The decorator. A form takes an `Analysis` and gives columns of equal length by the name of
        the file that gets them.

    Raises:
        ValueError: The name is taken.
    """
    return SIGNAL_FORMS.decorator(name)


def write_signals(
    folder: Path | str, analysis: Analysis, forms: Iterable[str] = ("wide",)
) -> tuple[Path, ...]:
    """Write what was measured of each face in each frame, as CSV and as Parquet.

    Args:
        folder: Made where it is missing.
        analysis: What was found.
        forms: Names of forms: "wide" is one line for each face and frame (``signals``), "long" one
            for each value of it (``signals-long``), "openface" has the columns of OpenFace, a file
            for each face (``openface-subject1``).

    Returns:
        The paths.

    Raises:
        ConfigError: There is no such form.
        DataError: A file cannot be written.
    """
    tables = [table for name in forms for table in SIGNAL_FORMS[name](analysis).items()]
    if not tables:
        return ()
    pa, csv, parquet = map(import_module, ("pyarrow", "pyarrow.csv", "pyarrow.parquet"))
    written = []
    for name, columns in tables:
        arrays = [pa.array(_rounded(values), from_pandas=True) for values in columns.values()]
        table = pa.table(dict(zip(columns, arrays, strict=True)))  # not a number: an empty cell
        for ending, write in ((".csv", csv.write_csv), (".parquet", parquet.write_table)):
            path = Path(folder) / f"{name}{ending}"
            with writing_file(path) as place:
                write(table, place)
            written.append(path)
    return tuple(written)


@register_signal_form("wide")
def _wide(analysis: Analysis) -> Mapping[str, Columns]:
    return {"signals": signal_columns(analysis)}


@register_signal_form("long")
def _long(analysis: Analysis) -> Mapping[str, Columns]:
    """Give a line for each value that is known: the form that R calls tidy."""
    wide = signal_columns(analysis)
    names = [name for name in wide if name not in _KEYS]
    values = np.stack([wide[name].astype(np.float64) for name in names], axis=1)
    rows, columns = np.nonzero(np.isfinite(values))
    keys = {name: wide[name][rows] for name in _KEYS}
    return {
        "signals-long": {
            **keys,
            "signal": np.array(names)[columns],
            "value": values[rows, columns],
        }
    }


@register_signal_form("openface")
def _openface(analysis: Analysis) -> Mapping[str, Columns]:
    """Give frames from 1, angles in radians; what is measured otherwise there is left empty."""
    return {
        f"openface-subject{face.subject_id}": _openface_columns(face) for face in analysis.faces
    }


def _openface_columns(face: FaceCurves) -> Columns:
    told = _told(face)
    empty = np.full(len(face), np.nan)
    angles = {
        name: sign * np.radians(told[signal]) for name, (signal, sign) in _OPENFACE_POSE.items()
    }
    return {
        "frame": face.frames + 1,
        "face_id": np.full(len(face), face.subject_id - 1),
        "timestamp": face.times_s,
        "confidence": told["score"],
        "success": np.ones(len(face), np.int64),
        **dict.fromkeys(_OPENFACE_EMPTY, empty),
        **angles,
    }


def signal_columns(analysis: Analysis) -> dict[str, NDArray[np.generic]]:
    """Measure every face in every frame in which it was seen; by face, then by frame.

    Columns: ``subject_id``, ``frame``, ``time_s``; `SIGNALS` as in `Seen.signals`, angles in
    degrees, not a number without the mesh; ``_x`` and ``_y`` of each region apart from the head,
    percent of the face's width since the face came into view, x right and y down;
    ``motion_percent`` as in `motion_percent`; ``strain_upper`` and ``strain_lower``, percent; the
    head as in `FaceCurves`; ``gate_`` and the name of each gate, 1 where it is shut, not a number
    without the mesh; ``candidate``, how strong the strongest movement is that a spotter found
    around this frame, times its threshold, gated or not; ``event``, the number of the event.
    """
    tables = [_columns(face, analysis) for face in analysis.faces]
    names = (
        *_KEYS, *SIGNALS, *_MOVED, "motion_percent", "strain_upper", "strain_lower", *_HEAD,
        *(f"gate_{name}" for name in GATED), "candidate", "event",
    )  # fmt: skip
    if not tables:
        whole = {"subject_id", "frame", "event"}
        return {n: np.empty(0, np.int64 if n in whole else np.float64) for n in names}
    return {name: np.concatenate([table[name] for table in tables]) for name in names}


def _columns(face: FaceCurves, analysis: Analysis) -> dict[str, NDArray[np.generic]]:
    moved = 100 / FACE_WIDTH_PX * face.regions_px
    near_eyes = np.isin(REGIONS, NEAR_EYES)
    flat = moved.reshape(len(face), -1)
    numbered = [(n, e) for n, e in enumerate(analysis.events, 1) if e.subject_id == face.subject_id]
    found: list[Interval] = [one for _, one in numbered]
    found += [one for one in analysis.gated if one.subject_id == face.subject_id]
    return {
        "subject_id": np.full(len(face), face.subject_id),
        "frame": face.frames,
        "time_s": face.times_s,
        **_told(face),
        **dict(zip(_MOVED, flat.T, strict=True)),
        "motion_percent": motion_percent(face),
        "strain_upper": strain_percent(face.regions_px, near_eyes),
        "strain_lower": strain_percent(face.regions_px, ~near_eyes),
        **dict(zip(_HEAD, face.head.T, strict=True)),
        **{f"gate_{name}": flags for name, flags in _gates(face).items()},
        "candidate": _largest(face, [(one, one.strength) for one in found]),
        "event": _largest(face, [(one, number) for number, one in numbered]).astype(np.int64),
    }


def _told(face: FaceCurves) -> dict[str, Floats]:
    """Give the signals of the mesh by their names."""
    told = face.signals if face.has_mesh else np.full((len(face), len(SIGNALS)), np.nan)
    return dict(zip(SIGNALS, told.T, strict=True))


def _gates(face: FaceCurves) -> dict[str, Floats]:
    """Give 1 where a gate is shut, in each row; not a number where that is not known."""
    flags = {name: np.full(len(face), np.nan) for name in GATED}
    for run in uniform_runs(face) if face.has_mesh else ():
        count = len(run.times_s)
        at = np.rint((run.times_s - run.times_s[0]) / run.step_s).astype(np.int64)
        at = np.minimum(at, len(run.regions_px) - 1)
        for name, shut in gates_of(run).flags.items():
            flags[name][run.first_row : run.first_row + count] = shut[at]
    return flags


def _largest(face: FaceCurves, found: Sequence[tuple[Interval, float]]) -> Floats:
    """Give the largest value of the movements around each row; 0 where there is none."""
    values = np.zeros(len(face))
    for one, value in found:
        inside = (face.frames >= one.onset_frame) & (face.frames <= one.offset_frame)
        values[inside] = np.maximum(values[inside], value)
    return values


def strain_percent(regions_px: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Measure how much the skin between some regions is stretched, sheared or pressed together.

    An affine map is fitted to the displacements; of its symmetric part the norm is taken, as
    optical strain takes that of the flow (Shreve et al. 2011, section 3).

    Args:
        regions_px: Displacements, ``(rows, regions, 2)``, pixels of the patch.
        chosen: Which regions, three or more, ``(regions,)``.

    Returns:
        Percent of a length, ``(rows,)``.
    """
    places = _places()[chosen]
    slope = np.linalg.pinv(places - places.mean(0))
    found = np.einsum("ar,nrd->nad", slope, regions_px[:, chosen])
    return np.asarray(100 * np.linalg.norm((found + found.transpose(0, 2, 1)) / 2, axis=(1, 2)))


@lru_cache(maxsize=1)
def _places() -> Floats:
    """Give the middle of each region in the patch, pixels, ``(regions, 2)``."""
    return np.asarray(usual_layout().regions @ points())


def _rounded(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Give a column six digits behind the point."""
    if values.dtype.kind != "f":
        return values
    return np.asarray(np.round(values.astype(np.float64), _DIGITS) + 0.0)
