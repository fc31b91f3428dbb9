"""The versions of what decides the bytes of a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("openmer", "torch", "numpy", "scikit-learn", "opencv-contrib-python-headless")


def versions() -> dict[str, str]:
    """Return the versions of Python and of packages; "" for what is not installed."""
    return {name: _version(name) for name in PACKAGES} | {"python": platform.python_version()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
