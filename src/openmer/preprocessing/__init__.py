"""Pixels in, arrays out: every step a small pure function, a recipe their order as a value.

The functions `magnify` and `dynamic_image` are called as their modules are; import them from there:
``from openmer.preprocessing.magnification._magnify import magnify``. What needs PyTorch is loaded when it is first
asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from openmer.preprocessing.faces._align import align_clip, find_alignment
from openmer.preprocessing.faces._alignment import Alignment, mask_eyes
from openmer.preprocessing.flow._apex import Apex, FlowApex, find_apex
from openmer.preprocessing._cache import ArrayCache, default_cache_root
from openmer.preprocessing.faces._detect import (
    Face,
    choose_face,
    detect_faces,
    list_detectors,
    register_detector,
)
from openmer.preprocessing._failures import Failure, Failures
from openmer.preprocessing.flow._flow import list_flow_methods, optical_flow, register_flow
from openmer.preprocessing._frames import read_gray, read_rgb
from openmer.preprocessing._interpolate import interpolate_frames
from openmer.preprocessing._prepare import fingerprint, prepare
from openmer.preprocessing._recipe import Recipe, list_steps
from openmer.preprocessing.flow._resample import (
    average,
    mirror_flow,
    resize_flow,
    resize_image,
    stretch_8bit,
)
from openmer.preprocessing.flow._strain import optical_strain
from openmer.preprocessing.magnification._filters import BandReport, band_report

if TYPE_CHECKING:
    from openmer.preprocessing.magnification._magnify import (
        EmptyBandWarning,
        MagnifySettings,
        linear_limit_px,
        magnify_some,
        magnify_stream,
    )

__all__ = [
    "Alignment",
    "Apex",
    "ArrayCache",
    "BandReport",
    "EmptyBandWarning",
    "Face",
    "Failure",
    "Failures",
    "FlowApex",
    "MagnifySettings",
    "Recipe",
    "align_clip",
    "average",
    "band_report",
    "choose_face",
    "default_cache_root",
    "detect_faces",
    "find_alignment",
    "find_apex",
    "fingerprint",
    "interpolate_frames",
    "linear_limit_px",
    "list_detectors",
    "list_flow_methods",
    "list_steps",
    "magnify_some",
    "magnify_stream",
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

_OF_MAGNIFY = frozenset(
    {"EmptyBandWarning", "MagnifySettings", "linear_limit_px", "magnify_some", "magnify_stream"}
)


def __getattr__(name: str) -> object:
    """What imports PyTorch, on first use."""
    if name in _OF_MAGNIFY:
        value: object = getattr(import_module("openmer.preprocessing.magnification._magnify"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
