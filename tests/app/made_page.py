"""A page served by a process of its own, as `openmer app` serves it, and videos to give to it."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
from tests.video.made_videos import FPS, colours, grays

from openmer.video import write_video

SERVER = """
import sys
from openmer.app import PageSettings, serve
from openmer.deployment import default_model
settings = PageSettings(max_minutes=0.25, max_mb=2, open_browser=False)
serve(settings, default_model(), on_ready=lambda address: print(address, flush=True))
"""


@contextmanager
def served(temporary, errors=None, end=signal.SIGTERM):
    """The address of a page whose temporary folder is `temporary`; `errors` takes its lines."""
    page = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env=os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    try:
        with page.stdout as lines:
            address = lines.readline().strip()
            assert address.startswith("http://127.0.0.1:"), "the page did not start"
            yield address
    finally:
        page.send_signal(end)
        code = page.wait(120)
    assert code == (0 if end == signal.SIGTERM else -end)


def write_two_events(path):
    """A video in which the same movement is made twice."""
    once = list(grays(still=45))
    write_video(path, colours([*once, *once]), fps=FPS)
    return path


def write_long(path, seconds=20):
    """A gray video that is longer than the page takes, one frame a second."""
    gray = np.full((64, 64, 3), 128, np.uint8)
    write_video(path, (gray for _ in range(seconds)), fps=1)
    return path
