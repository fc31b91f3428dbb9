"""Which frame of a clip shows the largest movement: annotated, middle, or seen in the flow.

With an image as planes, and what else several steps share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import scipy  # its parts come when they are asked for
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError, unknown_name
from openmer.preprocessing._frame_sequence import FrameSequence, movement
from openmer.preprocessing._frames import LUMA, read_gray
from openmer.preprocessing.flow._flow import flow_method, optical_flow
from openmer.preprocessing.steps._step import ApexPolicy, Array
from openmer.preprocessing.steps.strain import optical_strain

POLICIES = ("annotated", "middle", "flow")
VERSION = 1  # raise it whenever the policy "flow" chooses other frames

_USUAL = "dis"  # asked of no registry: that would load plug-ins while this module is imported

GrayFrames = Callable[[int], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowApex:
    """How the policy "flow" measures movement.

    Attributes:
        method: Name of the flow method.
        measure: "strain" takes the mean optical strain, which a turn or shift of the head leaves
            alone; "length" the mean length of the flow.
        smoothing_frames: Standard deviation of the Gaussian along time that the measured curve is
            smoothed with before its maximum is taken, in frames; 0 is none. There is no movement
            before the onset and after the offset.
    """

    method: str = _USUAL
    measure: Literal["strain", "length"] = "strain"
    smoothing_frames: float = 2.0

    def __post_init__(self) -> None:
        if self.method != _USUAL:
            flow_method(self.method)
        if self.measure not in ("strain", "length"):
            raise ConfigError(f"measure is {self.measure!r}; give 'strain' or 'length'.")
        if not 0 <= self.smoothing_frames < 1000:
            raise ConfigError(
                f"smoothing_frames is {self.smoothing_frames}; give 0 or a number of frames."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Apex:
    """An apex frame and where it comes from.

    Attributes:
        frame: Number of the frame, from 0, as in `Clip.apex`.
        policy: "annotated", "middle" or "flow".
        search: How movement was measured; None for the other policies.
        movement: The smoothed curve whose maximum was taken, one number for each frame from onset
            to offset: pixels per pixel for strain, pixels for length. Empty for the other policies.
    """

    frame: int
    policy: str
    search: FlowApex | None = None
    movement: tuple[float, ...] = ()


def middle_frame(onset: int, offset: int) -> int:
    """Return the middle of the frames from onset to offset: number ``n // 2`` of `n`, from 0.

    References:
        Ab Razak and Sahran (2023), Efficient-ME, equation 1, for clips without an annotated apex.
    """
    return max(onset + 1, onset + (offset - onset + 1) // 2)


def find_apex(
    clip: Clip,
    policy: str = "annotated",
    *,
    search: FlowApex = FlowApex(),
    frames: NDArray[Any] | GrayFrames | None = None,
) -> Apex:
    """Choose the apex frame of a clip; also return the policy that chose it.

    Args:
        clip: Needs an annotated apex for "annotated", else an onset and an offset.
        policy: "annotated" takes the annotators' word. "middle" is
            that of `middle_frame`. "flow" is the frame
            after the onset, up to the offset, with the largest movement since the onset.
        search: How "flow" measures movement.
        frames: The frames of the clip for "flow": gray levels in 0..255, shape ``(time, height,
            width)``; or a function that gives the frame of a number, so that none is held in
            memory. None reads `clip.frame_paths`, one at a time.

    Raises:
        ConfigError: The policy is not known.
        DataError: The clip lacks what the policy needs, or a frame cannot be read.
    """
    if policy not in POLICIES:
        raise unknown_name("apex policy", policy, POLICIES)
    if policy == "annotated":
        return Apex(frame=_annotated(clip), policy=policy)
    onset, offset = _ends(clip)
    if policy == "middle":
        return Apex(frame=middle_frame(onset, offset), policy=policy)
    count = len(frames) if isinstance(frames, np.ndarray) else len(clip.frame_paths)
    if offset >= count:
        raise DataError(
            f"{clip.key}: the offset is frame {offset}, counted from 0, but there are {count} "
            "frames. Correct the annotation or give all frames."
        )
    curve = _movement(_reader(clip, frames), onset, offset, search)
    return Apex(
        frame=onset + 1 + int(np.argmax(curve[1:])),
        policy=policy,
        search=search,
        movement=tuple(map(float, curve)),
    )


def search_record(policy: ApexPolicy) -> dict[str, object]:
    """Return what the numbers of a step depend on through its apex policy."""
    if policy != "flow":
        return {}
    chosen = FlowApex()
    versions = {"method_version": flow_method(chosen.method).version, "version": VERSION}
    return {"apex_search": {**asdict(chosen), **versions}}


def apex_number(clip: Clip, policy: ApexPolicy, frames: FrameSequence | None = None) -> int | None:
    """Find the apex frame's number by a policy; None where "annotated-or-middle" has none.

    Raises:
        DataError: The clip lacks what another policy needs.
    """
    if policy == "annotated-or-middle":
        if clip.apex is not None or clip.onset is None or clip.offset is None:
            return clip.apex
        return middle_frame(clip.onset, clip.offset)
    if policy != "flow" or frames is None:
        return find_apex(clip, policy).frame
    movement(clip, "flow")
    return find_apex(clip, policy, frames=lambda number: to_gray(*frames.at(number))).frame


def in_clip(clip: Clip, number: int, name: str) -> int:
    """Return the number of a frame; refuse one that the clip does not have.

    Raises:
        DataError: The clip has no such frame; the message calls it by `name`.
    """
    if not 0 <= number < len(clip.frame_paths):
        raise DataError(
            f"{clip.key}: {name} {number} is not among its {len(clip.frame_paths)} frames, counted "
            "from 0. Correct it."
        )
    return number


def to_gray(image: Array) -> Array:
    """Return the brightness of an image, gray or ``(height, width, 3)``."""
    return image if image.ndim == 2 else image @ np.array(LUMA, np.float32)


def three_planes(image: Array) -> Array:
    """Return an image, gray or ``(height, width, 3)``, as three planes."""
    if image.ndim == 2:
        image = np.stack([image, image, image], axis=-1)
    return np.ascontiguousarray(np.moveaxis(image, -1, 0))


def _annotated(clip: Clip) -> int:
    if clip.apex is None:
        raise DataError(
            f"{clip.key} has no annotated apex. Choose the policy 'middle' or 'flow', or annotate "
            "it."
        )
    return clip.apex


def _ends(clip: Clip) -> tuple[int, int]:
    """Onset and offset."""
    if clip.onset is None or clip.offset is None or not 0 <= clip.onset < clip.offset:
        raise DataError(
            f"{clip.key}: to look for an apex, an onset and a later offset are needed, found "
            f"onset {clip.onset}, offset {clip.offset}. Annotate them."
        )
    return clip.onset, clip.offset


def _reader(clip: Clip, frames: NDArray[Any] | GrayFrames | None) -> GrayFrames:
    """Return a function that gives the gray frame of a number."""
    if frames is None:
        return lambda number: read_gray(clip.frame_paths[number])
    if not isinstance(frames, np.ndarray):
        return frames
    if frames.ndim != 3:
        raise DataError(
            f"{clip.key}: found frames of shape {frames.shape}; give gray levels of shape (time, "
            "height, width)."
        )
    return lambda number: frames[number].astype(np.float32)


def _movement(gray: GrayFrames, onset: int, offset: int, search: FlowApex) -> NDArray[np.float64]:
    """Movement since the onset of each frame from onset to offset, smoothed along time."""
    first = gray(onset)
    curve = [0.0]
    for number in range(onset + 1, offset + 1):
        flow_xy = optical_flow(first, gray(number), method=search.method)
        lengths = optical_strain(flow_xy) if search.measure == "strain" else np.hypot(*flow_xy)
        curve.append(float(lengths.mean(dtype=np.float64)))
    if not np.isfinite(curve).all():
        raise DataError("The frames hold NaN or infinity; repair or drop these frames.")
    if not search.smoothing_frames:
        return np.array(curve)
    smooth = scipy.ndimage.gaussian_filter1d
    return np.asarray(smooth(curve, search.smoothing_frames, mode="constant"))
