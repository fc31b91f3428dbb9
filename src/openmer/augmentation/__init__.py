"""Augmentations: random changes of images and flow, one file each, drawn apart from being made."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
