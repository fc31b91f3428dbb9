"""Wait until what was written is on the disk, and not in memory only."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from openmer._folder_stamp import STAMP, names


def sync_tree(folder: Path) -> None:
    """Wait until a folder and everything in it is on the disk."""
    for name in names(folder):
        if (folder / name).is_dir():
            sync_folder(folder / name)
        else:
            sync(folder / name)
    if (folder / STAMP).is_file():
        sync(folder / STAMP)
    sync_folder(folder)


def sync(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can say so."""
    if os.name == "nt":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # some network disks
            raise
    finally:
        os.close(opened)
