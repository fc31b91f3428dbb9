"""Pixels in, arrays out: every step a small pure function, a recipe their order as a value."""

from openmer.preprocessing.align import align_clip, find_alignment
from openmer.preprocessing.alignment import Alignment, mask_eyes
from openmer.preprocessing.cache import ArrayCache, default_cache_root
from openmer.preprocessing.faces import (
    Face,
    choose_face,
    detect_faces,
    list_detectors,
    register_detector,
)
from openmer.preprocessing.failures import Failure, Failures
from openmer.preprocessing.flow import list_flow_methods, optical_flow, register_flow
from openmer.preprocessing.frames import read_gray, read_rgb
from openmer.preprocessing.prepare import fingerprint, prepare
from openmer.preprocessing.recipe import Recipe, list_steps
from openmer.preprocessing.resample import (
    average,
    mirror_flow,
    resize_flow,
    resize_image,
    stretch_8bit,
)
from openmer.preprocessing.strain import optical_strain

__all__ = [
    "Alignment",
    "ArrayCache",
    "Face",
    "Failure",
    "Failures",
    "Recipe",
    "align_clip",
    "average",
    "choose_face",
    "default_cache_root",
    "detect_faces",
    "find_alignment",
    "fingerprint",
    "list_detectors",
    "list_flow_methods",
    "list_steps",
    "mask_eyes",
    "mirror_flow",
    "optical_flow",
    "optical_strain",
    "prepare",
    "read_gray",
    "read_rgb",
    "register_detector",
    "register_flow",
    "resize_flow",
    "resize_image",
    "stretch_8bit",
]
