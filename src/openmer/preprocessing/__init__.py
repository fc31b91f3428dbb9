"""Pixels in, arrays out: every step a small pure function, a recipe their order as a value."""

from openmer.preprocessing.cache import ArrayCache, default_cache_root
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
    "ArrayCache",
    "Recipe",
    "average",
    "default_cache_root",
    "fingerprint",
    "list_flow_methods",
    "list_steps",
    "mirror_flow",
    "optical_flow",
    "optical_strain",
    "prepare",
    "read_gray",
    "read_rgb",
    "register_flow",
    "resize_flow",
    "resize_image",
    "stretch_8bit",
]
