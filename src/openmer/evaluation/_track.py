"""Send the losses of folds, and the settings and scores of a run, to TensorBoard or MLflow.

A tracker only reads: predictions are stored before it sees a fold.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, final

from openmer.errors import ConfigError, DataError
from openmer.evaluation._read_run import RunInfo, load_run
from openmer.evaluation._summary import Summary
from openmer.files import safe_name
from openmer.training import FitResult

_FACTS = ("method", "epoch_rule", "protocol", "leaky", "audit", "clips", "subjects", "device")
_PACKAGES = ("tensorboard", "mlflow", "torch")
_LONGEST = 500  # characters of a setting that MLflow takes from any of its versions

_MLFLOW_HABITS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing is sent that was not asked
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # seven take minutes, in which nothing is said
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
}
_DATABASES = ("sqlite", "mysql", "postgresql", "mssql")


class _Sink(Protocol):
    def settings(self, values: Mapping[str, str]) -> None: ...
    def number(self, name: str, value: float, step: int) -> None: ...
    def close(self, *, failed: bool) -> None: ...


@final
class Tracker:
    """What is told of a run while it is made; `open_tracker` makes one.

    A tracker that fails does not end a run: that is said once, and nothing more is sent.
    """

    def __init__(self, target: str, sink: _Sink, on_lost: Callable[[str], None]) -> None:
        self._target, self._sink, self._on_lost = target, sink, on_lost
        self._is_lost = False

    def fold(self, result: FitResult) -> None:
        """Send the mean training loss of each epoch of a fold."""
        subject = "/".join(map(safe_name, result.job.subject_id.split("/")))
        with self._sending() as sends:
            if not sends:
                return
            for epoch, loss in enumerate(result.losses, start=1):
                self._sink.number(f"loss/seed{result.job.seed}/{subject}", float(loss), epoch)

    def finish(self, folder: Path) -> None:
        """Send the settings and scores of a finished run.

        Raises:
            DataError: The folder holds no run.
        """
        info, summary = load_run(folder)
        with self._sending() as sends:
            if not sends:
                return
            self._sink.settings(_settings(info, folder))
            for name, value in _numbers(summary):
                self._sink.number(name, value, 0)
            self._sink.close(failed=False)

    def fail(self) -> None:
        """Say that the run ended early; what was sent stays."""
        with suppress(Exception):  # what ended the run is told instead
            if not self._is_lost:
                self._sink.close(failed=True)

    @contextmanager
    def _sending(self) -> Iterator[bool]:
        """Yield whether the tracker is still there; say what is raised, and give it up."""
        try:
            yield not self._is_lost
        except Exception as error:  # whatever a tracker raises
            self._is_lost = True
            self._on_lost(
                f"The tracker {_shown(self._target)} is lost: {_shown(_first_line(error))} The run "
                "goes on without it. To send its settings and scores, run the same command again."
            )


@contextmanager
def open_tracker(target: str | None, on_lost: Callable[[str], None]) -> Iterator[Tracker | None]:
    """Yield what sends runs to ``tensorboard:FOLDER`` or ``mlflow:URI``; None where none is asked.

    A run that ends before it is finished is marked as failed there.

    Args:
        target: The tracker.
        on_lost: Gets a text where it fails later; the run goes on without it.

    Raises:
        ConfigError: The target is neither, or its package is not installed.
        DataError: The folder cannot be written, or the server does not answer.
    """
    if not target:
        yield None
        return
    before = threading.excepthook
    threading.excepthook = lambda told: None if _is_tensorboards(told.thread) else before(told)
    try:
        tracker = Tracker(target, _opened(target), on_lost)
        with _marked(tracker):
            yield tracker
    finally:
        threading.excepthook = before


@contextmanager
def _marked(tracker: Tracker) -> Iterator[None]:
    """Mark a run that ends early as failed."""
    try:
        yield
    except BaseException:
        tracker.fail()
        raise


def _is_tensorboards(thread: threading.Thread | None) -> bool:
    """Whether a thread writes for TensorBoard: what ends it is raised at the next write, too."""
    return type(thread).__module__.startswith("tensorboard")


def _opened(target: str) -> _Sink:
    kind, _, place = target.partition(":")
    if kind not in _SINKS or not place:
        raise ConfigError(
            f"Found the tracker {target!r}, expected tensorboard:FOLDER or mlflow:URI, "
            "such as mlflow:sqlite:///mlflow.db or mlflow:http://HOST:5000."
        )
    try:
        return _SINKS[kind](place)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise _unusable(target, error) from error
        raise ConfigError(
            f"The tracker {_shown(target)} needs {kind}. Install it with: "
            f"pip install 'openmer[{kind},torch]'"
        ) from error
    except Exception as error:
        raise _unusable(target, error) from error


def _unusable(target: str, error: Exception) -> DataError:
    return DataError(
        f"The tracker {_shown(target)} cannot be used: {_shown(_first_line(error))} Finished folds "
        "are kept: run the same command again, with or without it."
    )


def _first_line(error: Exception) -> str:
    """Return what a library says, cut: MLflow repeats whole answers of a server."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:_LONGEST]
    return line if line.endswith(".") else f"{line}."


def _shown(text: str) -> str:
    """Hide the name and password of an address."""
    return re.sub(r"//[^/@\s]+@", "//***@", text)


def _numbers(summary: Summary) -> Iterator[tuple[str, float]]:
    """Yield every score and the ends of its interval, of all clips and of each corpus."""
    for part, found in {"all": summary, **summary.parts}.items():
        for name, score in found.scores.items():
            yield f"{name}/{safe_name(part)}", score.value
            if score.low is not None and score.high is not None:
                yield f"{name}_low/{safe_name(part)}", score.low
                yield f"{name}_high/{safe_name(part)}", score.high


def _settings(info: RunInfo, folder: Path) -> dict[str, str]:
    """Return the facts of a run and the values of its method, by their dotted keys."""
    facts = {name: str(getattr(info, name)) for name in _FACTS}
    return {**facts, "run": str(folder), **dict(_flat("", info.method_table))}


def _flat(before: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{before}{key}.", value)
        else:
            yield f"method.{before}{key}", str(value)[:_LONGEST]


@dataclass(frozen=True)
class _TensorBoard:
    writer: Any

    def settings(self, values: Mapping[str, str]) -> None:
        lines = ["| Setting | Value |", "| --- | --- |"]
        lines += [f"| {key} | {value.replace('|', ' ')} |" for key, value in values.items()]
        self.writer.add_text("settings", "\n".join(lines))

    def number(self, name: str, value: float, step: int) -> None:
        self.writer.add_scalar(name, value, step)

    def close(self, *, failed: bool) -> None:
        if failed:
            self.writer.add_text("state", "failed")
        self.writer.close()


@dataclass(frozen=True)
class _MLflow:
    client: Any
    run_id: str

    def settings(self, values: Mapping[str, str]) -> None:
        self.client.set_tag(self.run_id, "mlflow.runName", values["method"])
        for key, value in values.items():
            self.client.log_param(self.run_id, key, value)

    def number(self, name: str, value: float, step: int) -> None:
        self.client.log_metric(self.run_id, name, value, step=step)

    def close(self, *, failed: bool) -> None:
        self.client.set_terminated(self.run_id, status="FAILED" if failed else "FINISHED")


def _tensorboard(place: str) -> _TensorBoard:
    import_module("tensorboard")  # its absence is what PyTorch explains less well
    writer = import_module("torch.utils.tensorboard").SummaryWriter(place)
    writer.flush()  # a folder that cannot be written to is told now
    return _TensorBoard(writer)


def _mlflow(place: str) -> _MLflow:
    for name, value in _MLFLOW_HABITS.items():
        os.environ.setdefault(name, value)
    if place.startswith(_DATABASES):
        import_module("mlflow.store.db.utils").__dict__["MAX_RETRY_COUNT"] = 3  # 10 take 100 s
    client = import_module("mlflow.tracking").MlflowClient(tracking_uri=place)
    found = client.get_experiment_by_name("OpenMER")
    experiment = client.create_experiment("OpenMER") if found is None else found.experiment_id
    return _MLflow(client, client.create_run(experiment).info.run_id)


_SINKS: dict[str, Callable[[str], _Sink]] = {"tensorboard": _tensorboard, "mlflow": _mlflow}
