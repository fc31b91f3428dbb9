"""OpenCV without threads of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import cv2


@contextmanager
def opencv_on_one_thread() -> Generator[None]:
    """Keep OpenCV on one thread inside, whatever the caller has set.

    The images are so small that a second thread mostly waits, which takes as much of the processor
    as work does.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
