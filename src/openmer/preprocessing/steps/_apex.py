"""Which frame is the apex, and an image as planes: what several steps share."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing._frame_sequence import FrameSequence, movement
from openmer.preprocessing._frames import LUMA
from openmer.preprocessing.flow import _apex as search
from openmer.preprocessing.flow._flow import flow_method
from openmer.preprocessing.steps._step import ApexPolicy, Array


def search_record(policy: ApexPolicy) -> dict[str, object]:
    """Return what the numbers of a step depend on through its apex policy."""
    if policy != "flow":
        return {}
    chosen = search.FlowApex()
    versions = {"method_version": flow_method(chosen.method).version, "version": search.VERSION}
    return {"apex_search": {**asdict(chosen), **versions}}


def apex_number(clip: Clip, policy: ApexPolicy, frames: FrameSequence | None = None) -> int | None:
    """Find the apex frame's number by a policy; None where "annotated-or-middle" has none.

    Raises:
        DataError: The clip lacks what another policy needs.
    """
    if policy == "annotated-or-middle":
        if clip.apex is not None or clip.onset is None or clip.offset is None:
            return clip.apex
        return search.middle_frame(clip.onset, clip.offset)
    if policy != "flow" or frames is None:
        return search.find_apex(clip, policy).frame
    movement(clip, "flow")
    return search.find_apex(clip, policy, frames=lambda number: to_gray(*frames.at(number))).frame


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
