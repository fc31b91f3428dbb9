"""The local page: give a video, see what was found, keep it; nothing leaves the computer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
