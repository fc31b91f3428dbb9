"""What a table says of the machine that it was measured on."""

from __future__ import annotations

import platform
from pathlib import Path


def processor() -> str:
    """Name and number of cores, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (info.read_text().splitlines() if info.is_file() else [])
        if line.startswith("model name")
    ]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()
