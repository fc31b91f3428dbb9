"""Why an event was reported, as pictures: the face before and at the apex, and what moved where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer import explanation
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import flow_to_rgb, gray_of, optical_flow, round_up
from openmer.video._event import Event, Interval
from openmer.video._recognize import face_frames, frames_read, rows_of
from openmer.video.faces._crops import Framing, crop
from openmer.video.faces._patch import EYE_DISTANCE_PX, FACE_WIDTH_PX, PLACES, SIDE_PX, Matrix
from openmer.video.io._frame import VideoFrame
from openmer.video.io._reader import Video
from openmer.video.spotting._curves import FaceCurves
from openmer.video.spotting._regions import REGIONS

if TYPE_CHECKING:
    from openmer.deployment import FittedModel

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

LOOK = Framing(side_px=256, eye_distance=0.34, eyes_y=0.41)  # a whole face with a little around it

_ARROWS_APART_PX = 16
_ARROW_INK = (38, 42, 48)
_LEAST_FULL_PERCENT = 0.5  # of the face's width; below it, flow is noise
_SALIENCY_RGB = np.array(
    [(0.05, 0.10, 0.35), (0.55, 0.10, 0.45), (0.95, 0.45, 0.10), (1.0, 0.95, 0.4)]
)
_WAYS = ("right", "down right", "down", "down left", "left", "up left", "up", "up right")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventFrames:
    """The face of an event over time, the head held still.

    Attributes:
        event: The event.
        numbers: Frames of the video, rising.
        times_s: Their times, shape ``(frames,)``.
        crops_rgb: 0..255, shape ``(frames, side, side, 3)``.
    """

    event: Interval
    numbers: tuple[int, ...]
    times_s: Floats
    crops_rgb: Image

    @property
    def fps(self) -> float:
        """Mean frames per second."""
        return (len(self.numbers) - 1) / float(self.times_s[-1] - self.times_s[0])

    def nearest(self, frame: int) -> int:
        """Place of the picture that is nearest to a frame of the video."""
        return int(np.argmin(np.abs(np.array(self.numbers) - frame)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionShift:
    """How far a region of the face moved from the onset to the apex, apart from the head.

    Attributes:
        name: As in `openmer.video.spotting._regions.REGIONS`.
        percent: Of the face's width.
        direction: As seen in the picture, the head upright: "up", "down left".
    """

    name: str
    percent: float
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Pictures and numbers for one event; pictures are ``(side, side, 3)``, 0..255.

    Attributes:
        event: The event.
        onset_rgb: The face at the onset.
        apex_rgb: The face at the apex, at the same place.
        flow_rgb: Movement from one to the other: colour is direction, strength is length.
        flow_full_percent: Length with the full colour, percent of the face's width.
        regions: Every region, the one that moved farthest first.
        saliency_rgb: What raised the likeliest class of the model, over the apex; None where
            there is no such map.
        saliency_note: What the map shows, or why there is none.
    """

    event: Event
    onset_rgb: Image
    apex_rgb: Image
    flow_rgb: Image
    flow_full_percent: float
    regions: tuple[RegionShift, ...]
    saliency_rgb: Image | None
    saliency_note: str


def event_frames(
    video: Video,
    curves: FaceCurves,
    event: Interval,
    *,
    margin_s: float = 0.5,
    framing: Framing = LOOK,
) -> EventFrames:
    """Cut the face of an event out of a video, the eyes at the same place in every picture.

    Args:
        video: That was analysed.
        curves: Of the event's face.
        event: The event.
        margin_s: Seconds before the onset and after the offset, as far as the face is in view.
        framing: Where the eyes shall be.

    Raises:
        DataError: The video cannot be read again, or its frames are not those of the curves.
    """
    rows = rows_of(curves, event, before_s=margin_s, after_s=margin_s)
    numbers, times_s, crops_rgb = [], [], []
    for frame, matrix in _measured(video, curves, rows):
        numbers.append(frame.number)
        times_s.append(float(frame.time_s))
        crops_rgb.append(crop(frame.image_rgb, matrix, framing))
    return EventFrames(
        event=event,
        numbers=tuple(numbers),
        times_s=np.array(times_s),
        crops_rgb=np.stack(crops_rgb),
    )


def evidence_of(
    video: Video, curves: FaceCurves, event: Event, model: FittedModel | None = None
) -> Evidence:
    """Pictures and numbers for one event.

    The flow is TV-L1 between the pictures of the onset and the apex, its median over the face taken
    away, shown where the face is. The saliency map is Grad-CAM; it needs the extra ``explain``, a
    convolutional network, and a method that takes faces as they are cut out.
    """
    rows = rows_of(curves, event)
    apex_row = int(np.searchsorted(curves.frames, event.apex_frame))
    pairs = list(_measured(video, curves, np.unique([rows[0], apex_row])))
    onset_rgb, apex_rgb = (crop(pairs[i][0].image_rgb, pairs[i][1], LOOK) for i in (0, -1))
    flow_rgb, full_percent = _flow_picture(onset_rgb, apex_rgb)
    saliency_rgb, note = _saliency(video, curves, event, model)
    return Evidence(
        event=event,
        onset_rgb=onset_rgb,
        apex_rgb=apex_rgb,
        flow_rgb=flow_rgb,
        flow_full_percent=full_percent,
        regions=region_shifts(curves, int(rows[0]), apex_row),
        saliency_rgb=saliency_rgb,
        saliency_note=note,
    )


def region_shifts(curves: FaceCurves, first: int, last: int) -> tuple[RegionShift, ...]:
    """How far every region moved from one row of the curves to another, the farthest first."""
    moved = curves.regions_px[last] - curves.regions_px[first]
    length = 100 * np.hypot(*moved.T) / FACE_WIDTH_PX
    return tuple(
        RegionShift(name=REGIONS[i], percent=float(length[i]), direction=_way(moved[i]))
        for i in np.argsort(-length, kind="stable")
    )


def _way(moved_xy: Floats) -> str:
    """Return the nearest of eight directions, y down."""
    turns = np.arctan2(moved_xy[1], moved_xy[0]) / (2 * np.pi)
    return _WAYS[round(8 * float(turns)) % 8]


def _measured(
    video: Video, curves: FaceCurves, rows: NDArray[np.int64]
) -> Iterator[tuple[VideoFrame, Matrix]]:
    """Yield the frames of some rows of the curves, with the way to the patch in each of them."""
    wanted = dict(zip(curves.frames[rows].tolist(), curves.matrices[rows], strict=True))
    found = 0
    for frame in video.between(min(wanted), max(wanted)):
        if frame.number in wanted:
            found += 1
            yield frame, wanted[frame.number]
    if found < len(wanted):
        raise DataError(
            f"{video.info.name}: found {found} of {len(wanted)} frames of an event. Do not change "
            "the video after its analysis."
        )


def _flow_picture(onset_rgb: Image, apex_rgb: Image) -> tuple[Image, float]:
    """Flow as colours and arrows over a pale face, and the length with the full colour."""
    inside = _inside(LOOK)
    flow_xy = optical_flow(gray_of(onset_rgb), gray_of(apex_rgb)).astype(np.float64)
    flow_xy -= np.median(flow_xy[:, inside > 0.5], axis=1)[:, None, None]
    flow_xy *= inside
    width_px = LOOK.eye_distance * LOOK.side_px * FACE_WIDTH_PX / EYE_DISTANCE_PX
    longest = 100 * float(np.quantile(np.hypot(*flow_xy)[inside > 0.5], 0.99)) / width_px
    full_percent = round_up(max(longest, _LEAST_FULL_PERCENT))
    full_px = full_percent / 100 * width_px
    pale = 0.62 + 0.38 * gray_of(onset_rgb)[..., None].astype(np.float64) / 255
    picture = np.rint(255 * flow_to_rgb(flow_xy, full_px) * pale).astype(np.uint8)
    return _with_arrows(picture, flow_xy / full_px), full_percent


def _inside(framing: Framing) -> Floats:
    """1 inside of the face, 0 outside, soft between; ``(side, side)``."""
    to_picture = framing.matrix(np.eye(2, 3))
    eyes, mouth = (PLACES[i].mean(0) * SIDE_PX @ to_picture[:, :2] + to_picture[:, 2]
                   for i in (slice(0, 2), slice(3, 5)))  # fmt: skip
    reach = framing.eye_distance * framing.side_px
    y, x = np.mgrid[: framing.side_px, : framing.side_px]
    middle = (eyes + 2 * mouth) / 3
    away = np.hypot((x - middle[0]) / (1.15 * reach), (y - middle[1]) / (1.45 * reach))
    return np.asarray(np.clip((1.08 - away) / 0.16, 0, 1))


def _with_arrows(picture: Image, flow_xy: Floats) -> Image:
    """Arrows where there is movement; a length of 1 is nearly the way to the next arrow."""
    drawn = np.ascontiguousarray(picture)
    places = range(_ARROWS_APART_PX // 2, len(picture), _ARROWS_APART_PX)
    for y, x in ((y, x) for y in places for x in places):
        u, v = flow_xy[:, y, x]
        length = float(np.hypot(u, v))
        if length < 0.25:
            continue
        reach = 0.9 * _ARROWS_APART_PX * min(1.0, 1 / length)
        start, end = ((16 * (x + s * reach * u / 2), 16 * (y + s * reach * v / 2)) for s in (-1, 1))
        cv2.arrowedLine(
            drawn, (round(start[0]), round(start[1])), (round(end[0]), round(end[1])), _ARROW_INK,
            1, cv2.LINE_AA, 4, 0.35,
        )  # fmt: skip
    return drawn


def _saliency(
    video: Video, curves: FaceCurves, event: Event, model: FittedModel | None
) -> tuple[Image | None, str]:
    """Draw what raised a class over the face at the apex, with a sentence; or only say why not."""
    if model is None or not event.scores:
        return None, ""
    if find_spec("captum") is None:
        return None, "There is no saliency map: it needs pip install 'openmer[explain]'."
    if not _has_maps(model) or model.recipe.align is not None:
        return None, f"There is no saliency map: {model.record.title} has no maps of this picture."
    return _saliency_picture(video, curves, event, model)


def _has_maps(model: FittedModel) -> bool:
    """Whether there is a network whose decision has a place in the image."""
    import torch

    if model.method.model is None:
        return False
    try:
        explanation.last_maps(model.network, torch.zeros(1, *model.record.input_shape))
    except ConfigError:
        return False
    return True


def _saliency_picture(
    video: Video, curves: FaceCurves, event: Event, model: FittedModel
) -> tuple[Image | None, str]:
    read = frames_read(event, curves, model)
    faces = face_frames(event, curves, video.between(min(read), max(read)), model)
    names = list(event.scores)
    target = max(range(len(names)), key=lambda i: event.scores[names[i]])
    try:
        found = explanation.class_saliency(
            model.network, model.prepare_clip(faces.clip, faces), target
        )
    except DataError as error:
        return None, f"There is no saliency map: {error}"
    if not found.cells.any():
        return None, f"There is no saliency map: no place raises the class {names[target]}."
    caption = f"Bright places raise the class {names[target]} (Grad-CAM)."
    return _overlay(faces.gray(faces.clip.apex or 0), found.saliency), caption


def _overlay(gray: NDArray[np.float32], saliency: NDArray[np.floating]) -> Image:
    """Saliency as colours over a gray face, clear where there is none."""
    size = (gray.shape[1], gray.shape[0])
    warm = np.clip(
        cv2.resize(saliency.astype(np.float32), size, interpolation=cv2.INTER_CUBIC), 0, 1
    )
    at = np.linspace(0, 1, len(_SALIENCY_RGB))
    colours = np.stack([np.interp(warm, at, channel) for channel in _SALIENCY_RGB.T], axis=-1)
    cover = 0.65 * np.sqrt(warm)[..., None]
    return np.rint(gray[..., None] * (1 - cover) + 255 * colours * cover).astype(np.uint8)
