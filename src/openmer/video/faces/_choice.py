"""Which tracker a video gets: by the face mesh where it can be had, else by pictures alone."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.preprocessing import fetch_face_mesh
from openmer.video.faces._mesh_track import MeshTracker
from openmer.video.faces._seen import Seen, TrackSettings
from openmer.video.faces._track import Tracker, finder

_LOST = (
    "Without the face mesh, faces are followed by their pictures alone: they are lost and started "
    "again in large movements, speech and blinks are told apart less well, and there are no gaze, "
    "pose, quality or action units."
)


class FaceTracker(Protocol):
    """Follows the faces of a video; frames are given one after the other."""

    def see(
        self,
        frame: int,
        time_s: float,
        gray: NDArray[np.uint8],
        following: NDArray[np.uint8] | None = None,
    ) -> tuple[Seen, ...]:
        """Follow the faces in the next frame; return them by their numbers.

        Args:
            frame: Number of the frame, rising.
            time_s: Its time in seconds, rising.
            gray: Shape ``(height, width)``, 0..255.
            following: The image that is given next, where it is known: work on it may start.
        """


def tracker_for(settings: TrackSettings, pool: Executor | None = None) -> tuple[FaceTracker, str]:
    """Return the tracker of the settings; also, in words, what is lost where it is not the mesh.

    Args:
        settings: Which landmarks and detector, and when a face is believed.
        pool: Threads that may help; None does one thing after the other, to the same bytes.
    """
    find = finder(settings.detector)
    if settings.landmarks == "patch":
        return Tracker(settings, find=find), ""
    try:
        fetch_face_mesh()
    except DataError as error:
        if settings.landmarks == "mesh":
            raise
        return Tracker(settings, find=find), f"{error} {_LOST}"
    return MeshTracker(settings, find, pool), ""
