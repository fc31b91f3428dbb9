"""One contact sheet per clip: everything preprocessing makes of it, to look at before trusting it.

Frames, detection, the alignments of the papers with crop and eye mask, the magnified apex, flow
with its colour wheel in pixels, strain, and movement over time. What cannot be made is said where
it would stand.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.files import replace_file, require_own
from openmer.preprocessing._frames import LUMA, read_rgb
from openmer.preprocessing.faces._align import STYLES
from openmer.preprocessing.faces._alignment import Alignment
from openmer.preprocessing.faces._detect import ArrayStore, Face, choose_face, detect_faces
from openmer.preprocessing.flow._flow import optical_flow
from openmer.preprocessing.steps._apex import Apex, FlowApex, find_apex, middle_frame
from openmer.preprocessing.steps.strain import optical_strain
from openmer.theme import FIGURE_MARK, figure_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("pdf", "png", "svg")

_MAGNIFIED_TO_PX = 12.0  # more would tear the image: magnification is linear
_SAMPLES = 7  # frames in the strip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipView:
    """What the sheet shows of a clip. Images are float32 in 0..255, ``(height, width[, 3])``.

    Attributes:
        clip: The clip, with onset, apex and offset filled in where they are not annotated.
        annotated: Names of those that are annotated.
        strip: Frame number and image of some frames from onset to offset.
        detector: Name of the face detector.
        faces: All faces in the onset frame.
        face: The one taken; None where there is none.
        aligned: Name of each alignment, and the onset frame after it or why there is none.
        style: The alignment that magnification, flow, strain and movement are made on; empty where
            they are made on whole frames.
        scale: Pixels of the frames they are made on, per pixel of the clip's frames.
        apex_frame: The apex frame they are made on.
        magnified: The same frame, with the largest movement magnified to about 12 pixels; or why
            it is not.
        magnified_by: How many times, and in which band, in words.
        flow_xy: Onset to apex, pixels, shape ``(2, height, width)``.
        movement: Of each frame from onset to offset, and its largest; or why there is none.
    """

    clip: Clip
    annotated: frozenset[str]
    strip: tuple[tuple[int, NDArray[np.float32]], ...]
    detector: str
    faces: tuple[Face, ...]
    face: Face | None
    aligned: dict[str, NDArray[np.float32] | str]
    style: str
    scale: float
    apex_frame: NDArray[np.float32]
    magnified: NDArray[np.float32] | str
    magnified_by: str
    flow_xy: NDArray[np.float32]
    movement: Apex | str

    @property
    def strain(self) -> NDArray[np.float32]:
        """Optical strain of the flow, shape ``(height, width)``."""
        return np.asarray(optical_strain(self.flow_xy)[0])


def inspect_clip(
    clip: Clip,
    *,
    detector: str = "mtcnn",
    style: str = "efficient-me",
    method: str = "tvl1",
    store: ArrayStore | None = None,
) -> ClipView:
    """Carry out on one clip what its sheet shows.

    Args:
        clip: With frames. Where no onset, apex or offset is annotated, the first frame, the middle
            and the last frame stand for it.
        detector: As in `detect_faces`, for all alignments alike.
        style: Alignment of the frames for flow, strain, movement and magnification; these are made
            on whole frames where it fails.
        method: Flow method.
        store: As in `detect_faces`.

    Raises:
        ConfigError: A name is not known.
        DataError: The clip has no two frames, or one cannot be read.
    """
    filled, annotated = _filled(clip)
    first, last = _ends(filled)
    frames = [_colours(filled.frame_paths[number]) for number in range(first, last + 1)]
    faces = detect_faces(frames[:1], detector, store=store)[0]
    face = choose_face(faces) if faces else None
    alignments = {name: _alignment(name, face) for name in STYLES}
    chosen = alignments[style] if style in alignments else _unknown_style(style)
    found = isinstance(chosen, Alignment)
    stack = np.stack([chosen.apply(f) if isinstance(chosen, Alignment) else f for f in frames])
    gray = stack if stack.ndim == 3 else stack @ np.array(LUMA, np.float32)
    apex = (filled.apex or first + 1) - first
    inside = replace(filled, onset=0, apex=apex, offset=last - first)
    flow_xy = optical_flow(gray[0], gray[apex], method=method)
    magnified, words = _magnified(stack, inside, float(np.quantile(np.hypot(*flow_xy), 0.995)))
    return ClipView(
        clip=filled,
        annotated=annotated,
        strip=tuple((first + place, frames[place]) for place in _sampled(apex, len(frames))),
        detector=detector,
        faces=faces,
        face=face,
        aligned={
            name: how.apply(frames[0]) if isinstance(how, Alignment) else how
            for name, how in alignments.items()
        },
        style=style if found else "",
        scale=chosen.scale if isinstance(chosen, Alignment) else 1.0,
        apex_frame=stack[apex],
        magnified=magnified,
        magnified_by=words,
        flow_xy=flow_xy,
        movement=_movement(inside, gray),
    )


def sheet_form(path: Path) -> str:
    """Return what a sheet's file is to be: png, pdf or svg.

    Raises:
        ConfigError: The file's ending is another one.
        DataError: A file of this name is there that is no figure of ours.
    """
    ending = path.suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise ConfigError(f"The sheet's file is {path}; give one that ends in .png, .pdf or .svg.")
    require_own({path: FIGURE_MARK})
    return ending


def write_sheet(path: Path, view: ClipView) -> None:
    """Draw the sheet into a file, .png, .pdf or .svg; its folder is made.

    Raises:
        ConfigError: As `sheet_form`.
        DataError: As `sheet_form`.
    """
    form = sheet_form(path)
    replace_file(path, figure_bytes(draw_sheet(view), form))


def draw_sheet(view: ClipView) -> Figure:
    """Draw the sheet as a matplotlib figure that has no window and no global state."""
    from openmer.preprocessing._sheet_drawing import draw

    return draw(view)


def _filled(clip: Clip) -> tuple[Clip, frozenset[str]]:
    """Return the clip with all three frames set, and which of them are annotated."""
    annotated = frozenset(n for n in ("onset", "apex", "offset") if getattr(clip, n) is not None)
    last = len(clip.frame_paths) - 1
    onset = 0 if clip.onset is None else clip.onset
    offset = last if clip.offset is None else clip.offset
    middle = middle_frame(onset, offset)
    apex = middle if clip.apex is None else clip.apex
    if not 0 <= onset < apex <= offset <= last:
        raise DataError(
            f"{clip.key}: a sheet needs frames with onset < apex <= offset, found onset {onset}, "
            f"apex {apex}, offset {offset} among {last + 1} frames, counted from 0. Correct them, "
            "or give the frames."
        )
    return replace(clip, onset=onset, apex=apex, offset=offset), annotated


def _ends(clip: Clip) -> tuple[int, int]:
    return clip.onset or 0, clip.offset or 0


def _sampled(apex: int, count: int) -> list[int]:
    """Places spread over the clip that hold its first, apex and last frame."""
    spread = {round(place) for place in np.linspace(0, count - 1, min(_SAMPLES, count))}
    if apex not in spread:
        inner = sorted(spread - {0, count - 1}, key=lambda place: abs(place - apex))
        spread -= set(inner[:1])
    return sorted(spread | {apex})


def _colours(path: Path) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.moveaxis(read_rgb(path), 0, -1))


def _alignment(name: str, face: Face | None) -> Alignment | str:
    if face is None:
        return "No face was found."
    try:
        return STYLES[name].function(face, STYLES[name].size)
    except DataError as error:
        return str(error)


def _unknown_style(name: str) -> Alignment:
    from openmer.preprocessing.faces._align import align_style

    align_style(name)
    raise ConfigError(f"There is no alignment {name!r}.")


def _magnified(
    stack: NDArray[np.float32], clip: Clip, moved_px: float
) -> tuple[NDArray[np.float32] | str, str]:
    """Magnify the apex frame in the band where this clip moves; also return the band in words."""
    if clip.fps is None:
        return "The clip's frames per second are not known.", ""
    from openmer.preprocessing.magnification._magnify import magnify
    from openmer.preprocessing.magnification._settings import MagnifySettings

    alpha = min(19.0, max(1.0, _MAGNIFIED_TO_PX / max(moved_px, 0.1) - 1))
    duration_s = len(stack) / float(clip.fps)
    band = (0.5 / duration_s, min(3 / duration_s, float(clip.fps) / 2.01))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = magnify(
                stack / np.float32(255),
                fps=clip.fps,
                alpha=alpha,
                band_hz=band,
                settings=MagnifySettings(clip=True),
            )
    except (ConfigError, DataError) as error:
        return str(error), ""
    words = f"{1 + alpha:.2g} times, {band[0]:.1f} to {band[1]:.1f} Hz"
    return np.asarray(made[clip.apex or 0] * np.float32(255)), words


def _movement(clip: Clip, gray: NDArray[np.float32]) -> Apex | str:
    try:
        return find_apex(clip, "flow", search=FlowApex(), frames=gray)
    except DataError as error:
        return str(error)
