"""What a video is: a digest of all its bytes, so that no other is taken for it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openmer import remote
from openmer._stand_ins import place_of
from openmer.datasets import list_frames
from openmer.errors import DataError

_SETTLED_NS = 2_000_000_000  # a younger change may have the same time stamp as the one before


def identity_of(video: Path, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Compute path and SHA-256 of a video, as plain values that `json` can write.

    Args:
        video: A file, or a folder of numbered images, of which all are read. Of a file elsewhere
            the digest is that of its size and ETag or time (`openmer.remote.identity`).
        known: What was returned before. Its digest is taken where size, inode and times of the
            file are the same, and were more than two seconds old when it was read.
    """
    if remote.is_streamed(video):
        return {"path": place_of(video), "sha256": remote.identity(video)}
    try:
        if video.is_dir():
            digests = [(image.name, _sha256(image)) for image in list_frames(video)]
            content = hashlib.sha256(json.dumps(digests).encode("utf-8", "surrogatepass"))
            return {"path": place_of(video), "sha256": content.hexdigest()}
        now_ns, found = time.time_ns(), video.stat()
        if not video.is_file():
            raise DataError(f"{video} is no ordinary file. Save the video in one, and give that.")
        state = [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]
        identity = {"path": place_of(video), "state": state, "read_ns": now_ns}
        if known is not None and _may_be_taken(known, state):
            return {**identity, "sha256": known["sha256"], "read_ns": known["read_ns"]}
        return {**identity, "sha256": _sha256(video)}
    except OSError as error:
        raise DataError(f"Cannot read {video}: {error.strerror}. Correct the path.") from error


def _may_be_taken(known: Mapping[str, Any], state: list[int]) -> bool:
    """Tell whether the file cannot have changed since its digest was made."""
    return known.get("state") == state and known["read_ns"] - max(state[2:]) > _SETTLED_NS


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
