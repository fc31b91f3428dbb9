"""Cameras of this computer, by what each system has for them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from openmer.errors import DataError
from openmer.video.io._container import readable_errors, reason_of

if TYPE_CHECKING:
    from av.container import InputContainer

_DEVICES = Path("/dev")
_FPS = "30"  # a rate that most cameras have: AVFoundation asks for one that many lack


class _Backend(NamedTuple):
    """What FFmpeg calls the cameras of a system, and how one of them is named."""

    format: str
    name: str
    options: dict[str, str]


_LINUX = "linux"
_BACKENDS = {
    _LINUX: _Backend("v4l2", "{}", {}),
    "darwin": _Backend("avfoundation", "{}", {"framerate": _FPS}),
    "win32": _Backend("dshow", "video={}", {}),
}


def open_camera(number: int) -> InputContainer:
    """Open a camera, by Video4Linux2, AVFoundation (macOS) or DirectShow (Windows).

    Args:
        number: From 0; on Linux the one of the device, e.g. 2 of ``/dev/video2``.

    Raises:
        DataError: There is no such camera, or it cannot be opened; or the system is another.
    """
    import av

    backend = _BACKENDS.get(sys.platform)
    if backend is None:
        raise DataError(
            f"Cameras cannot be read on {sys.platform!r}, only on Linux, macOS and Windows. Give a "
            "video file."
        )
    found = _devices() if sys.platform == _LINUX else _cameras(av, backend.format)
    if number not in found:
        others = ", ".join(map(str, sorted(found))) or "none"
        raise DataError(
            f"There is no camera {number}; found: {others}. Connect one, or give a video file."
        )
    device = found[number]
    try:
        return av.open(
            backend.name.format(device), "r", format=backend.format, options=backend.options
        )
    except readable_errors() as error:
        raise DataError(
            f"The camera {number} ({device}) cannot be opened: {reason_of(error)}. Close other "
            "programs that use it, and allow this one to use the camera."
        ) from error


def _devices() -> dict[int, str]:
    """Find the devices of Linux, by their numbers."""
    names = {path.name.removeprefix("video"): path for path in _DEVICES.glob("video*")}
    return {int(number): str(path) for number, path in names.items() if number.isdecimal()}


def _cameras(av: ModuleType, form: str) -> dict[int, str]:
    """Ask FFmpeg for the names of its cameras; their numbers are their places."""
    try:
        found = av.enumerate_input_devices(form)
    except readable_errors():
        return {}
    return dict(enumerate(one.name for one in found if "video" in one.media_types))
