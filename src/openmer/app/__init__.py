"""The local page: give a video, see what was found, keep it; nothing leaves the computer."""

from openmer.app._server import serve
from openmer.app._settings import PageSettings, is_loopback

__all__ = ["PageSettings", "is_loopback", "serve"]
