"""What could not be prepared: one record per clip, kept in a list that a run ends with."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from openmer.errors import ConfigError, DataError

OnFailure = Literal["list", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One clip or image that could not be prepared.

    Attributes:
        clip: Its key.
        step: Where it failed: "input" (the annotation), "read", or the name of a recipe step.
        reason: What was found, expected, and to do.
    """

    clip: str
    step: str
    reason: str


class StepError(DataError):
    """A step of a recipe failed on one clip; the message begins with the clip.

    Args:
        clip: The clip's key.
        step: As in `Failure`.
        reason: As in `Failure`; it may begin with the clip.
    """

    def __init__(self, clip: str, step: str, reason: str) -> None:
        super().__init__(clip, step, reason)  # all of them, so that it survives pickling
        self.failure = Failure(clip=clip, step=step, reason=_without(clip, reason))

    def __str__(self) -> str:
        clip, _, reason = self.args
        return str(reason) if reason.startswith(clip) else f"{clip}: {reason}"


class StoreError(DataError):
    """The cache cannot be written to: no fault of the clip at hand, so it is never listed as one.

    Otherwise a full disk would turn into a score on the few clips made before it was full.
    """


@contextmanager
def step_of(clip: str, step: str) -> Generator[None]:
    """Give a `DataError` raised inside the name of the clip and the step.

    Args:
        clip: The clip's key.
        step: As in `Failure`.
    """
    try:
        yield
    except (StepError, StoreError):
        raise
    except DataError as error:
        raise StepError(clip, step, str(error)) from error


class Failures:
    """Collects what failed, so that a long run goes on and ends with a counted list.

    Args:
        on_failure: "list" notes a failure and goes on; "error" raises at the first one.

    Raises:
        ConfigError: `on_failure` is something else.
    """

    def __init__(self, on_failure: OnFailure = "list") -> None:
        if on_failure not in ("list", "error"):
            raise ConfigError(f"on_failure is {on_failure!r}; give 'list' or 'error'.")
        self.on_failure = on_failure
        self._found: list[Failure] = []

    def add(self, error: DataError, clip: str) -> None:
        """Note what happened to a clip, or raise it where failures are errors.

        Args:
            error: What was raised; a `StepError` says at which step.
            clip: The clip's key, for an error that names no step.

        Raises:
            DataError: The error itself, where failures are errors or it is no fault of the clip.
        """
        if self.on_failure == "error" or isinstance(error, StoreError):
            raise error
        if isinstance(error, StepError):
            self._found.append(error.failure)
        else:
            reason = _without(clip, str(error))
            self._found.append(Failure(clip=clip, step="input", reason=reason))

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Failure]:
        return iter(self._found)

    @property
    def clips(self) -> frozenset[str]:
        """Keys of all clips that failed."""
        return frozenset(failure.clip for failure in self._found)

    def __str__(self) -> str:
        """How many failed at which step, and each clip with its reason; empty where none did."""
        return listed(self._found)


def listed(failures: Iterable[Failure], *, of: int | None = None) -> str:
    """How many failed at which step, and each clip with its reason; empty where none did.

    Args:
        failures: Clips in the order they were tried.
        of: How many clips there were; None says nothing of it.
    """
    found = sorted(failures, key=lambda failure: failure.step)
    if not found:
        return ""
    counted = _counted(len(found)) if of is None else f"{len(found)} of {_counted(of)}"
    lines = [f"{counted} could not be prepared:"]
    for step, group in groupby(found, key=lambda failure: failure.step):
        failed = list(group)
        lines.append(f"  {step}: {_counted(len(failed))}")
        lines += [f"    {failure.clip}: {failure.reason}" for failure in failed]
    return "\n".join(lines)


def _counted(number: int) -> str:
    return f"{number} clip{'' if number == 1 else 's'}"


def _without(clip: str, message: str) -> str:
    """Remove the name of the clip that a message begins with."""
    return message.removeprefix(clip).lstrip(": ")
