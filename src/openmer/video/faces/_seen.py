"""How faces are followed, and what is seen of one of them in a frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openmer.errors import ConfigError
from openmer.video.faces._patch import CELLS, Matrix, box_of
from openmer.video.spotting._regions import REGIONS

Floats = NDArray[np.float64]

SIGNALS = (
    "yaw", "pitch", "roll", "gaze_x", "gaze_y", "right_eye", "left_eye", "right_lids", "left_lids",
    "mouth_opening", "mouth_width", "similarity", "score", "spread_px", "light", "sharpness",
)  # fmt: skip
"""What the mesh tells of a face in a frame, in the order of `Seen.signals`."""


def _none(*shape: int) -> Floats:
    return np.full(shape, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSettings:
    """When a face is looked for, believed, and given up.

    Attributes:
        landmarks: "mesh" follows faces by the face mesh, fetched where it is not there; "patch" by
            their pictures alone; "auto" is "mesh" where that can be had.
        detector: Name of a face detector (`openmer.preprocessing.list_detectors`).
        detect_every_s: Seconds between two looks at the whole image.
        reference_s: Seconds after which a fresh reference picture is taken of a face.
        least_similarity: Correlation with the reference below which a face counts as not seen.
        lost_after_s: Seconds unseen after which a face is given up until it is found again.
        known_again: Correlation with a lost face from which a new one is the same subject.
        least_eyes_px: Distance of the eyes in pixels below which a face is not followed.
    """

    landmarks: str = "auto"
    detector: str = "mtcnn"
    detect_every_s: float = 0.5
    reference_s: float = 2.0
    least_similarity: float = 0.6
    lost_after_s: float = 0.4
    known_again: float = 0.85
    least_eyes_px: float = 20.0

    def __post_init__(self) -> None:
        if self.landmarks not in ("auto", "mesh", "patch"):
            raise ConfigError(
                f'Found landmarks={self.landmarks!r}; expected "auto", "mesh" or "patch".'
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One face in one frame.

    Attributes:
        subject: Number of the face, 1 for the first.
        frame: Number of the frame, from 0.
        time_s: Its time.
        matrix: From pixels of the image to those of the patch, shape ``(2, 3)``.
        regions_px: How far each region has moved apart from the head since the face came into view,
            pixels of the patch, shape ``(regions, 2)``.
        warp_px: How far the head has turned out of the plane since the face came into view, as
            what it does to the patch in pixels, shape ``(4,)``: what stands out most against the
            outline moves in x and in y (turning to the side, nodding), the edge of the face is
            stretched and sheared.
        eyes: As in `Measured`.
        similarity: As in `Measured`.
        is_restarted: The face has just come into view; earlier movement cannot be compared.
        mesh_px: As `regions_px`, but by the points of the mesh: less fine, and true of large
            movements; not a number without the mesh.
        signals: What else the mesh tells, in the order of `SIGNALS`: angles in degrees, gaze in
            half widths of an eye, openings of eyes over their width, of lids and mouth over the
            distance of the eyes; not a number without the mesh.
        brief_px: As `BriefMotion.see` gives it; not a number without the mesh.
    """

    subject_id: int
    frame: int
    time_s: float
    matrix: Matrix
    regions_px: Floats
    warp_px: Floats
    eyes: float
    similarity: float
    is_restarted: bool
    mesh_px: Floats = field(default_factory=lambda: _none(len(REGIONS), 2))
    signals: Floats = field(default_factory=lambda: _none(len(SIGNALS)))
    brief_px: Floats = field(default_factory=lambda: _none(CELLS, CELLS, 2))

    @property
    def face_xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge of the face, pixels of the image."""
        return box_of(self.matrix)
