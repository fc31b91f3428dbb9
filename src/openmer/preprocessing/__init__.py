"""Pixels in, arrays out: every step a small pure function, a recipe their order as a value."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
