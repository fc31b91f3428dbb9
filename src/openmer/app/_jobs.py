"""One analysis in a thread of its own, that tells how far it is and can be stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

from openmer.app._queue import Queue
from openmer.app._results import Results
from openmer.errors import OpenMERError, StoppedError
from openmer.video import Progress

_REPORT_EVERY_S = 0.25
_SURE_AFTER_S = 1.0  # before, nothing is said of the time left


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Others come first. A record, because a state is known by its type.

    Attributes:
        before: How many.
    """

    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """A stage of the work.

    Attributes:
        stage: Its name, as `openmer.app._results.find` tells it; "" before the first.
        done: How much of it is done.
        total: Of how much; 0 where that is not known.
        left_s: Seconds that this stage will take from now on; None where nobody can tell.
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The user stopped it: a record without fields, because a state is known by its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It cannot be done. A record, because a state is known by its type.

    Attributes:
        message: What was found and what to do.
    """

    message: str


State = Waiting | Working | Stopped | Failed | Results


@final
class Job:
    """One analysis: waits for its turn, works, ends in results, a message, or stopped.

    Attributes:
        state: How far it is.
    """

    def __init__(self, work: Callable[[Progress], Results], queue: Queue) -> None:
        self.state: State = Working()
        self._work = work
        self._queue = queue
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="openmer analysis")
        self._stage = ""
        self._since_s = 0.0

    def start(self) -> None:
        """Begin, or get in line."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; that takes a moment."""
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    def states(self) -> Iterator[State]:
        """How far it is, four times a second, and at last how it ended."""
        while self._thread.is_alive():
            yield self.state
            self._thread.join(_REPORT_EVERY_S)
        yield self.state

    def _run(self) -> None:
        try:
            with self._queue.turn(self._wait):
                self.state = self._work(self._report)
        except StoppedError:
            self.state = Stopped()
        except OpenMERError as error:
            self.state = Failed(message=str(error))
        except OSError as error:
            self.state = Failed(
                message=f"A file cannot be written or read: {error.strerror or error}. Make "
                "room on the disk of the temporary folder, then give the video again."
            )
        except Exception:
            logging.getLogger(__name__).exception("An analysis failed.")
            self.state = Failed(
                message="Something went wrong inside OpenMER. Try another video; the window in "
                "which the page was started tells the details, which belong into a bug report."
            )

    def _wait(self, before: int) -> None:
        self._go_on_or_stop()
        self.state = Waiting(before=before)

    def _report(self, stage: str, done: int, total: int) -> None:
        """Store the progress of a stage and estimate the time left."""
        self._go_on_or_stop()
        now_s = time.monotonic()
        if stage != self._stage:
            self._stage, self._since_s = stage, now_s
        spent_s = now_s - self._since_s
        left_s = spent_s * (total - done) / done if done and spent_s > _SURE_AFTER_S else None
        self.state = Working(
            stage=stage, done=done, total=total, left_s=left_s if total > done else None
        )

    def _go_on_or_stop(self) -> None:
        if self._stop.is_set():
            raise StoppedError("Stopped.")
