"""Arrays of one shape gathered into one, of which memory holds no more than a fixed part."""

from __future__ import annotations

import errno
import math
import mmap
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from openmer.preprocessing._failures import StoreError

IN_MEMORY_BYTES = 1 << 27


class Rows:
    """A growing array of float32, kept in a file without a name where it may become large.

    The system reads such a file into memory as it is looked at, and may drop it again. It goes when
    the array goes, or the process. A file in a folder that is itself in memory saves none.

    Attributes:
        shape: Of one row; empty before the first.
    """

    def __init__(self, most: int, folder: Path | None = None) -> None:
        """No row yet.

        Args:
            most: How many rows there may be.
            folder: Where the file would be; None is the folder of temporary files.
        """
        self.shape: tuple[int, ...] = ()
        self._most = most
        self._folder = folder
        self._count = 0
        self._array: NDArray[np.float32] | None = None
        self._file: IO[bytes] | None = None

    def append(self, row: NDArray[np.float32]) -> None:
        """Add a row of the shape of the first one, which has values.

        Raises:
            StoreError: The file cannot be made, or the disk is full.
        """
        if not self._count:
            self._start(row.shape)
        if self._array is not None:
            self._array[self._count] = row
        if self._file is not None:
            with self._reported():
                self._file.write(np.ascontiguousarray(row, np.float32).data)
        self._count += 1

    def __len__(self) -> int:
        """How many rows there are."""
        return self._count

    def array(self) -> NDArray[np.float32]:
        """All rows, one or more, ``(rows, *shape)``, to read and write; no more can follow."""
        if self._array is not None:
            return self._array[: self._count]
        if self._file is None:
            raise ValueError("There is no row.")
        with self._reported():
            self._file.flush()
            mapped = mmap.mmap(self._file.fileno(), 0)
        # Behind a memoryview: joblib would look for the name of the file, which has none.
        values = np.frombuffer(memoryview(mapped), np.float32)
        return values.reshape(self._count, *self.shape)

    def close(self) -> None:
        """Close the file; an array that was taken stays."""
        if self._file is not None:
            with suppress(OSError):  # what could not be written was reported
                self._file.close()

    def _start(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        if 4 * self._most * math.prod(shape) <= IN_MEMORY_BYTES:
            self._array = np.empty((self._most, *shape), np.float32)
            return
        with self._reported():
            self._file = self._opened()

    def _opened(self) -> IO[bytes]:
        """Open a nameless file beside the cache, or in the system's folder if that is read-only."""
        try:
            return tempfile.TemporaryFile(dir=self._folder, prefix="openmer-")
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            return tempfile.TemporaryFile(prefix="openmer-")

    @contextmanager
    def _reported(self) -> Generator[None]:
        """Give a fault of the disk the name of the folder."""
        try:
            yield
        except OSError as error:
            folder = tempfile.gettempdir() if self._folder is None else self._folder
            raise StoreError(
                f"Cannot keep the prepared arrays in {folder} ({error.strerror}). Make room there, "
                "or choose another folder: that of the cache (OPENMER_CACHE) or, without one, "
                "TMPDIR."
            ) from error
