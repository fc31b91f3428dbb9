"""Write, or compare with, the exact outputs of a few methods and of one analysed video.

A change that must not change behaviour is checked so: write the file before it, compare after it.
Bits differ between processors and versions of PyTorch, so the file stays on the machine.

    python benchmarks/golden.py --write golden.json --video some.mp4
    python benchmarks/golden.py --check golden.json --video some.mp4
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

OPENMER = [sys.executable, "-c", "from openmer.cli import main; main()"]
RUNS = {
    "flow-svm": [],
    "flow-kernel": [],
    "ststnet": ["training.epochs=4"],
    "efficient-me": [
        "recipe.0.size=32",
        "model.weights=",
        "model.parameters.depth=2",
        "training.stages.0.epochs=2",
        "training.stages.0.iterations=1",
        "training.stages.1.epochs=1",
        "training.stages.1.iterations=1",
    ],
    "rrmfnet-tiny": ["training.epochs=2", "training.perturb.every=2"],
}
SCORE = "score_"


def run(arguments: list[str], folder: Path) -> None:
    """Run the command line in a folder.

    Raises:
        RuntimeError: It fails; with what it printed.
    """
    settings = {**os.environ, "OPENMER_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [*OPENMER, *arguments],
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"openmer {' '.join(arguments)}: {done.stdout}{done.stderr}")


def digest_of_run(folder: Path) -> str:
    """Compute SHA-256, in hex, of a run's scores: clips, epochs and every bit of every score."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("folds/**/*.parquet")):
        table = pq.ParquetFile(path).read().to_pydict()
        found.update(str(path.relative_to(folder).parts[-2:]).encode())
        scores = [values for name, values in table.items() if name.startswith(SCORE)]
        found.update(json.dumps([table["clip"], table["epoch"]]).encode())
        found.update(np.asarray(scores, np.float64).tobytes())
    return found.hexdigest()


def numbers_in(value: object) -> list[float]:
    """List all numbers in a JSON value, in their order, whatever their keys are called."""
    if isinstance(value, bool) or not isinstance(value, dict | list | int | float):
        return []
    if isinstance(value, int | float):
        return [float(value)]
    inner = value.values() if isinstance(value, dict) else value
    return [number for item in inner for number in numbers_in(item)]


def outputs(folder: Path, video: Path | None) -> dict[str, object]:
    """Run everything in an empty folder; digests by name, and the numbers of the video's events."""
    run(["datasets", "synthesize", "corpus", "--size", "tiny"], folder)
    manifest = str(folder / "corpus" / "manifest.csv")
    found: dict[str, object] = {}
    for name, overrides in RUNS.items():
        options = [word for override in overrides for word in ("--set", override)]
        out = folder / name
        run(["evaluate", name, "--manifest", manifest, *options, "--out", str(out)], folder)
        found[name] = digest_of_run(out)
    if video is not None:
        run(["analyze", str(video.resolve()), "--out", str(folder / "analysis")], folder)
        (events,) = (folder / "analysis").rglob("events.json")
        table = json.loads(events.read_text(encoding="utf-8"))
        found["analyze"] = numbers_in(table.get("events"))
    return found


def main() -> int:
    """Write the outputs, or compare them with a file; 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--check", type=Path)
    parser.add_argument("--video", type=Path, help="The video to analyse; none by default.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = outputs(Path(folder), given.video)
    if given.write:
        given.write.write_text(json.dumps(found, indent=1), encoding="utf-8")
        print(f"Written: {given.write}, {', '.join(found)}")
        return 0
    before = json.loads(given.check.read_text(encoding="utf-8"))
    differ = [name for name in before if before[name] != found.get(name)]
    print(f"{len(before) - len(differ)} of {len(before)} are equal to the last bit.")
    for name in differ:
        print(f"differs: {name}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
