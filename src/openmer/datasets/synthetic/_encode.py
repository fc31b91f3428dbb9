"""Frames as an H.264 file; decoding and encoding are loaded when they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

_CRF = "14"  # nearly without loss: a micro-expression is smaller than what stronger settings blur


def encoded(
    path: Path, frames_rgb: Iterable[NDArray[np.uint8]], fps: Fraction
) -> Iterator[NDArray[np.uint8]]:
    """Write frames of even sides to an MP4 file; yields each one when it is in.

    Args:
        path: Of the file; complete when the iteration is over.
        frames_rgb: Shape ``(height, width, 3)``, 0..255.
        fps: Exact frames per second.
    """
    with av.open(str(path), "w", format="mp4") as container:
        stream = None
        for image in frames_rgb:
            if stream is None:
                # Small videos with B-frames are not the same bytes in every run.
                options = {"crf": _CRF, "preset": "veryfast", "bf": "0"}
                stream = container.add_stream("libx264", rate=fps, options=options)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.thread_count = 1
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
            yield image
        if stream is not None:
            container.mux(stream.encode(None))
