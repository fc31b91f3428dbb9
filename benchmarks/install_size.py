"""Print how much of a disk every installed package takes, the largest first.

Run it with the Python of the environment: ``.venv/bin/python benchmarks/install_size.py``.
"""

from __future__ import annotations

from importlib.metadata import Distribution, distributions
from pathlib import Path

MEGABYTE = 1e6
SHOWN = 12


def size_of(package: Distribution) -> float:
    """Size in MB of the files that a package lists."""
    paths = (Path(str(package.locate_file(file))) for file in package.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file()) / MEGABYTE


def main() -> None:
    """Print the largest packages and the sum of all."""
    sizes = {package.metadata["Name"]: size_of(package) for package in distributions()}
    for name in sorted(sizes, key=lambda one: -sizes[one])[:SHOWN]:
        print(f"{sizes[name]:8.1f} MB  {name}")
    print(f"{sum(sizes.values()):8.1f} MB  all {len(sizes)} packages")


if __name__ == "__main__":
    main()
