"""Who has given which video: one job and one folder for each visitor, gone when they leave."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from openmer.app._jobs import Job
from openmer.app._queue import Queue
from openmer.app._results import Results, find
from openmer.app._settings import PageSettings
from openmer.errors import DataError
from openmer.video import Progress

if TYPE_CHECKING:
    from openmer.deployment import FittedModel

_GONE = "The video is not here any more. Give it again."
_LEAVE_WITHIN_S = 10.0
_SILENT_S = 60.0  # an open page gives a sign four times in that time
_MOST_ROOMS = 32
_ROOM_BYTES = 100_000_000  # for pictures, replays and the report


@dataclass(slots=True)
class _Room:
    """The folder and the job of one visitor."""

    folder: Path
    job: Job | None = None
    is_left: bool = False
    seen_s: float = field(default_factory=time.monotonic)


@final
class Sessions:
    """Takes videos, lets one analysis at a time work, and clears up after every visitor."""

    def __init__(self, root: Path, model: FittedModel | None, settings: PageSettings) -> None:
        self._root = root
        self._model = model
        self._settings = settings
        self._queue = Queue()
        self._lock = threading.Lock()
        self._rooms: dict[str, _Room] = {}

    def begin(self, visitor: str, upload: Path) -> Job:
        """Take a visitor's video and start to analyse it; what they had before is removed."""
        room = _Room(folder=self._root / secrets.token_urlsafe(16))
        self._enter(visitor, room)
        try:
            video = self._taken(upload, room)
        except DataError:
            self._clear(room)
            raise

        def work(on_progress: Progress) -> Results:
            return self._work(video, room, on_progress)

        room.job = Job(work, self._queue)
        room.job.start()
        return room.job

    def stop(self, visitor: str) -> None:
        """Stop a visitor's analysis, if there is one."""
        job = self._job(visitor)
        if job is not None:
            job.stop()

    def results(self, visitor: str) -> Results | None:
        """Return what was found in a visitor's video; None before its end, and after they left."""
        job = self._job(visitor)
        state = None if job is None else job.state
        return state if isinstance(state, Results) else None

    def leave(self, visitor: str) -> None:
        """Stop what a visitor began and remove their files."""
        with self._lock:
            room = self._rooms.pop(visitor, None)
        if room is not None:
            self._clear(room)

    def note(self, visitor: str) -> None:
        """Note a sign that a visitor's page is still open."""
        with self._lock:
            if visitor in self._rooms:
                self._rooms[visitor].seen_s = time.monotonic()

    def expire(self) -> None:
        """Let those leave whose page gave no sign for a minute."""
        since_s = time.monotonic() - _SILENT_S
        with self._lock:
            gone = [visitor for visitor, room in self._rooms.items() if room.seen_s < since_s]
        for visitor in gone:
            self.leave(visitor)

    def close(self) -> None:
        """Everyone leaves; wait for what is at work."""
        with self._lock:
            rooms = list(self._rooms.values())
            self._rooms.clear()
        for room in rooms:
            self._clear(room)
        for room in rooms:
            if room.job is not None:
                room.job.join(_LEAVE_WITHIN_S)

    def _enter(self, visitor: str, room: _Room) -> None:
        with self._lock:
            before = self._rooms.get(visitor)
            if before is None and len(self._rooms) >= _MOST_ROOMS:
                raise DataError(
                    f"This page works for {_MOST_ROOMS} others already. Give the video again when "
                    "some of them have left."
                )
            self._rooms[visitor] = room
        if before is not None:
            self._clear(before)

    def _job(self, visitor: str) -> Job | None:
        with self._lock:
            room = self._rooms.get(visitor)
        return None if room is None else room.job

    def _taken(self, upload: Path, room: _Room) -> Path:
        """Move the video into a folder of its own."""
        if not upload.is_file():  # such as the folder of all uploads
            raise DataError(_GONE)
        try:
            video = room.folder / "video" / upload.name
            video.parent.mkdir(parents=True)
            upload.replace(video)
            free = shutil.disk_usage(room.folder).free
        except FileNotFoundError as error:
            raise DataError(_GONE) from error
        except OSError as error:
            raise DataError(
                f"The video cannot be kept: {error.strerror}. Make room on the disk of the "
                "temporary folder, then give it again."
            ) from error
        if free < _ROOM_BYTES:
            raise DataError(
                f"The disk of the temporary folder has only {free // 1_000_000} MB left; expected "
                f"{_ROOM_BYTES // 1_000_000} or more. Make room, then give the video again."
            )
        return video

    def _work(self, video: Path, room: _Room, on_progress: Progress) -> Results:
        """Analyse; the video is removed afterwards, and without results everything."""
        is_done = False
        try:
            found = find(video, room.folder, self._model, self._settings, on_progress)
            is_done = True
        except DataError as error:
            raise DataError(str(error).replace(f"{video.parent}/", "")) from error
        finally:
            gone = video.parent if is_done and not room.is_left else room.folder
            shutil.rmtree(gone, ignore_errors=True)
        return found

    @staticmethod
    def _clear(room: _Room) -> None:
        """Stop the job and remove the folder; a job still at work removes what it writes later."""
        room.is_left = True
        if room.job is not None:
            room.job.stop()
        shutil.rmtree(room.folder, ignore_errors=True)
