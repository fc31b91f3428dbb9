"""Dlib's frontal face detector and its 68 landmarks: an optional extra.

References:
    King (2009), Dlib-ml: a machine learning toolkit;
    Kazemi, Sullivan (2014), One millisecond face alignment with an ensemble of regression trees;
    Sagonas et al. (2013), 300 faces in-the-wild challenge (the 68 points).
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmer.errors import ConfigError

# Places in the 68 points: eyes (six points each), tip of the nose, corners of the mouth.
_RIGHT_EYE, _LEFT_EYE = slice(36, 42), slice(42, 48)
_NOSE, _RIGHT_MOUTH, _LEFT_MOUTH = 30, 48, 54


def find_faces(image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Faces in one image, enlarged twice so that those from 40 pixels on are found.

    Args:
        image_rgb: Shape ``(height, width, 3)``, 0..255.

    Returns:
        One row per face, the surest first, shape ``(faces, 151)``: box x0, y0, x1, y1; the
        detector's score; x and y of image-left eye, image-right eye, nose tip, image-left and
        image-right corner of the mouth, then of the 68 points; pixels, 0 is the middle of the first
        one. An eye is the mean of its six points.

    Raises:
        ConfigError: The optional packages are not installed.
    """
    detector, predictor = _models()
    boxes, scores, _ = detector.run(image_rgb, 1, 0.0)
    rows = []
    for place in np.argsort(-np.array(scores), kind="stable"):
        box = boxes[int(place)]
        shape = predictor(image_rgb, box)
        points = np.array([[point.x, point.y] for point in shape.parts()], np.float32)
        five = [
            points[_RIGHT_EYE].mean(axis=0),
            points[_LEFT_EYE].mean(axis=0),
            *points[[_NOSE, _RIGHT_MOUTH, _LEFT_MOUTH]],
        ]
        edges = [box.left() - 0.5, box.top() - 0.5, box.right() + 0.5, box.bottom() + 0.5]
        rows.append([*edges, scores[int(place)], *np.ravel(five), *points.ravel()])
    return np.array(rows, np.float32).reshape(-1, 151)


@lru_cache(maxsize=1)
def _models() -> tuple[Any, Any]:
    """Load the detector and the predictor of the 68 points."""
    # The package's own import fails where pkg_resources is gone; only its file is needed.
    models = find_spec("face_recognition_models")
    if find_spec("dlib") is None or models is None or models.origin is None:
        raise ConfigError(
            "The face detector 'landmarks68' needs two packages that are not installed. Install "
            'them with: pip install "openmer[landmarks]" (its 68-point file may not be used '
            "commercially)."
        )
    dlib = import_module("dlib")
    file = Path(models.origin).parent / "models" / "shape_predictor_68_face_landmarks.dat"
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(file))
