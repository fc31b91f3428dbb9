"""The local page: give a video, see what was found, keep it; nothing leaves the computer."""

from openmer.app.server import serve
from openmer.app.settings import PageSettings, is_loopback

__all__ = ["PageSettings", "is_loopback", "serve"]
