"""Files at the places of results: whose they are, and what may be read."""

import os
import threading

import pytest

from openmer._own_files import require_own
from openmer.cli import _console
from openmer.errors import DataError, reading_file


def test_a_mark_counts_at_either_end_of_a_large_file(tmp_path):
    large = tmp_path / "figure.pdf"
    large.write_bytes(b"%PDF" + b"x" * 300_000 + b"/Creator (OpenMER)")
    require_own({large: "OpenMER"})
    large.write_bytes(b"%PDF" + b"x" * 300_000)
    with pytest.raises(DataError, match="does not say that OpenMER wrote it"):
        require_own({large: "OpenMER"})


def test_a_place_below_a_file_is_named_before_the_work(tmp_path):
    (tmp_path / "w.mp4").touch()
    with pytest.raises(DataError, match=r"Cannot write .*w\.mp4 is no folder"):
        require_own({tmp_path / "w.mp4" / "out" / "t.md": "OpenMER"})


def test_a_name_that_no_file_can_have_is_one_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read as an earlier result"):
        require_own({tmp_path / ("n" * 300): "OpenMER"})


def test_a_pipe_of_the_shell_is_read_and_one_on_disk_is_not(tmp_path):
    reading, writing = os.pipe()
    threading.Thread(target=lambda: (os.write(writing, b"text"), os.close(writing))).start()
    path = type(tmp_path)(f"/dev/fd/{reading}")
    with reading_file(path, "a text", "Give another."):
        assert path.read_text() == "text"
    os.close(reading)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="device or pipe"), reading_file(tmp_path / "pipe", "a", ""):
        pass


def test_names_in_brackets_are_told_as_they_are(capsys):
    _console.tell("clip [/x].mp4 and [red]y")
    assert capsys.readouterr().err == "clip [/x].mp4 and [red]y\n"
