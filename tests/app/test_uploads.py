"""What visitors may store: each, at a time, together, and for how long."""

import asyncio
import os
import time
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.formparsers import MultiPartException

from openmer.app import PageSettings
from openmer.app import _uploads as module
from openmer.app._uploads import RefusedError, Uploads

LARGEST = 2**20
AROUND = 2**16


@pytest.fixture
def uploads(tmp_path):
    (tmp_path / "uploads").mkdir()
    return Uploads(tmp_path, PageSettings(max_mb=1))


def parts_of(*sizes, wait_s=0.0):
    """A body that comes in parts of these sizes."""
    left = list(sizes)

    async def receive():
        await asyncio.sleep(wait_s)
        return {"body": bytes(left.pop(0)), "more_body": bool(left)}

    return receive


def read(uploads, receive, stated="", *, is_file=True):
    """How many bytes of a body are let in."""

    async def run():
        total = 0
        with uploads.bound(receive, stated, is_file=is_file) as limited:
            while True:
                message = await limited()
                total += len(message["body"])
                if not message["more_body"]:
                    return total

    return asyncio.run(run())


@given(st.lists(st.integers(0, LARGEST), min_size=1, max_size=4), st.booleans())
def test_a_body_is_let_in_up_to_its_limit(tmp_path_factory, sizes, is_file):
    uploads = Uploads(tmp_path_factory.mktemp("page"), PageSettings(max_mb=1))
    most = AROUND + is_file * LARGEST
    if sum(sizes) <= most:
        assert read(uploads, parts_of(*sizes), is_file=is_file) == sum(sizes)
    else:
        with pytest.raises(MultiPartException, match="maximum allowed size"):
            read(uploads, parts_of(*sizes), is_file=is_file)
    assert uploads._promised == []


def test_what_is_too_large_is_refused_before_it_comes(uploads):
    with pytest.raises(RefusedError, match="maximum allowed size") as refused:
        read(uploads, parts_of(1), stated=str(LARGEST + AROUND + 1))
    assert refused.value.status == 413


def test_a_silent_or_slow_upload_ends(uploads, monkeypatch):
    monkeypatch.setattr(module, "_SILENT_S", 0.05)
    with pytest.raises(MultiPartException, match="Nothing came"):
        read(uploads, parts_of(1, 1, wait_s=0.5))
    with pytest.raises(MultiPartException, match="too slowly"):
        read(uploads, parts_of(*[1] * 9, wait_s=0.01))
    assert read(uploads, parts_of(*[1000] * 9, wait_s=0.01)) == 9000


def test_so_many_at_a_time_and_so_much_together(uploads, tmp_path):
    with ExitStack() as opened:
        for _ in range(4):
            opened.enter_context(uploads.bound(parts_of(1), "1000", is_file=True))
        opened.enter_context(uploads.bound(parts_of(1), "1000", is_file=False))
        with pytest.raises(RefusedError, match="4 videos are being given") as refused:
            read(uploads, parts_of(1), "1000")
        assert refused.value.status == 503
    assert read(uploads, parts_of(1), "1000") == 1
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "replay.mp4").write_bytes(bytes(4 * LARGEST - 1000))
    assert read(uploads, parts_of(1), "1000") == 1
    with pytest.raises(RefusedError, match="no room") as refused:
        read(uploads, parts_of(1), "1001")
    assert refused.value.status == 507


def test_uploads_without_a_byte_count_too(uploads, tmp_path):
    for number in range(4 * LARGEST // AROUND):
        (tmp_path / "uploads" / f"{number}.mp4").touch()
    with pytest.raises(RefusedError, match="no room"):
        read(uploads, parts_of(1), "1")


def test_what_nobody_took_is_removed(uploads, tmp_path):
    (tmp_path / "results").mkdir()
    names = ("uploads/a/old.mp4", "uploads/tmpold", "uploads/b/new.mp4", "results/old.jpg")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        if "old" in name:
            os.utime(path, (time.time() - 61,) * 2)
    uploads.tidy()
    assert sorted(p.name for p in tmp_path.rglob("*")) == [
        "b", "new.mp4", "old.jpg", "results", "uploads",
    ]  # fmt: skip
