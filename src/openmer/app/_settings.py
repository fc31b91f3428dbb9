"""Where the page is served and what it accepts."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass

from openmer.errors import ConfigError, DataError

_LEAST_PIXELS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """Where the page is served and what it accepts.

    Attributes:
        host: Name or IPv4 address to listen at; only this computer reaches the default.
        port: Number of the port; None takes the first free one from 7860 on.
        max_minutes: Longest video, minutes.
        max_mb: Largest file, MB of 1024 x 1024 bytes.
        max_gigapixels: Most frames times pixels of a frame, in 10^9: what the work grows with. A
            frame counts as 0.1 megapixels at least.
        open_browser: Whether the page is opened in the browser of this computer.

    Raises:
        ConfigError: A limit is not above 0, there is no such port, or the host is an IPv6 address.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    max_minutes: float = 10.0
    max_mb: float = 500.0
    max_gigapixels: float = 40.0
    open_browser: bool = True

    def __post_init__(self) -> None:
        for name in ("max_minutes", "max_mb", "max_gigapixels"):
            limit = getattr(self, name)
            if not (math.isfinite(limit) and limit > 0):
                raise ConfigError(f"Found {_option(name)} {limit:g}; expected a number above 0.")
        if ":" in self.host:
            raise ConfigError(
                f"Found --host {self.host}; expected a name or an IPv4 address such as 127.0.0.1."
            )
        if self.port is not None and not 1 <= self.port <= 65535:
            raise ConfigError(f"Found --port {self.port}; expected 1 to 65535.")

    @property
    def max_bytes(self) -> int:
        """Bytes of the largest file."""
        return int(self.max_mb * 2**20)

    def refuse_work(self, frames: int, pixels: int) -> None:
        """Refuse a video whose analysis would keep all other visitors waiting.

        Args:
            frames: How many it has.
            pixels: Of a frame.

        Raises:
            DataError: It has more than `max_gigapixels`.
        """
        found = frames * max(pixels, _LEAST_PIXELS) / 1e9
        if found > self.max_gigapixels:
            raise DataError(
                f"This video has {found:.1f} gigapixels in its {frames} frames or more; this page "
                f"takes at most {self.max_gigapixels:g}. Make it shorter or smaller, or start the "
                "page with a larger --max-gigapixels."
            )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this computer only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
