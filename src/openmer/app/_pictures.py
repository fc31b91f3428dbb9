"""The face of an event, frame by frame, at one place of the picture: for review and for clips."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.video import Event, EventFrames, Video

Image = NDArray[np.uint8]

_SIDE_PX = 320
_ROOM = 1.25  # of the face's box
_MOST = 400  # frames; of more, every second, third ... is taken


def face_frames_of(video: Video, event: Event, first: int, last: int) -> EventFrames:
    """Cut the face of an event out of some frames, where it was at the apex.

    Args:
        video: That was analysed.
        event: Says where the face was.
        first: Number of the first frame.
        last: Of the last one; frames after the end of the video are left out.

    Returns:
        Pictures of 320 pixels; of more than 400 frames, every second, third ... is taken.

    Raises:
        DataError: The video cannot be read again, or has no such frame.
    """
    step = -(-(last - first + 1) // _MOST)
    numbers, times_s, crops = [], [], []
    for frame in video.between(max(first, 0), last):
        if (frame.number - first) % step:
            continue
        numbers.append(frame.number)
        times_s.append(float(frame.time_s))
        crops.append(_cut(frame.image_rgb, event.face_xyxy))
    if len(numbers) < 2:
        raise DataError(
            f"{video.info.name} has {len(numbers)} of the frames {first} to {last} of an event. Do "
            "not change the video after its analysis."
        )
    return EventFrames(
        event=event,
        numbers=tuple(numbers),
        times_s=np.array(times_s),
        crops_rgb=np.stack(crops),
    )


def _cut(image: Image, box_xyxy: tuple[float, float, float, float]) -> Image:
    """Cut a square around a box; beyond the edge of the image its last pixels go on."""
    left, top, right, bottom = box_xyxy
    reach = max(_ROOM * max(right - left, bottom - top) / 2, 1.0)
    scale = 2 * reach / _SIDE_PX
    shift = np.array(
        [[scale, 0, (left + right) / 2 - reach], [0, scale, (top + bottom) / 2 - reach]]
    )
    cut = cv2.warpAffine(
        image, shift, (_SIDE_PX, _SIDE_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(cut, np.uint8)
