"""Send the losses of folds, and the settings and scores of a run, to TensorBoard or MLflow.

A tracker only reads: predictions are stored before it sees a fold.
"""

from __future__ import annotations

import os
import re
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


class _Sink(Protocol):
    def settings(self, values: Mapping[str, str]) -> None: ...
    def number(self, name: str, value: float, step: int) -> None: ...
    def close(self, *, failed: bool) -> None: ...


@final
class Tracker:
    """What is told of a run while it is made; `open_tracker` makes one."""

    def __init__(self, target: str, sink: _Sink) -> None:
        self._target, self._sink = target, sink

    def fold(self, result: FitResult) -> None:
        """Send the mean training loss of each epoch of a fold.

        Raises:
            DataError: The tracker does not answer.
        """
        subject = "/".join(map(safe_name, result.job.subject_id.split("/")))
        with _explained(self._target):
            for epoch, loss in enumerate(result.losses, start=1):
                self._sink.number(f"loss/seed{result.job.seed}/{subject}", float(loss), epoch)

    def finish(self, folder: Path) -> None:
        """Send the settings and scores of a finished run.

        Raises:
            DataError: The tracker does not answer, or the folder holds no run.
        """
        info, summary = load_run(folder)
        with _explained(self._target):
            self._sink.settings(_settings(info, folder))
            for name, value in _numbers(summary):
                self._sink.number(name, value, 0)
            self._sink.close(failed=False)

    def fail(self) -> None:
        """Say that the run ended early; what was sent stays."""
        with suppress(Exception):  # what ended the run is told instead
            self._sink.close(failed=True)


@contextmanager
def open_tracker(target: str | None) -> Iterator[Tracker | None]:
    """Yield what sends runs to ``tensorboard:FOLDER`` or ``mlflow:URI``; None where none is asked.

    A run that ends before it is finished is marked as failed there.

    Raises:
        ConfigError: The target is neither, or its package is not installed.
        DataError: The folder cannot be written, or the server does not answer.
    """
    if not target:
        yield None
        return
    tracker = _opened(target)
    try:
        yield tracker
    except BaseException:
        tracker.fail()
        raise


def _opened(target: str) -> Tracker:
    kind, _, place = target.partition(":")
    if kind not in _SINKS or not place:
        raise ConfigError(
            f"Found the tracker {target!r}, expected tensorboard:FOLDER or mlflow:URI, "
            "such as mlflow:sqlite:///mlflow.db or mlflow:http://HOST:5000."
        )
    try:
        return Tracker(target, _SINKS[kind](place))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise _unusable(target, error) from error
        raise ConfigError(
            f"The tracker {_shown(target)} needs {kind}. Install it with: "
            f"pip install 'openmer[{kind},torch]'"
        ) from error
    except Exception as error:
        raise _unusable(target, error) from error


@contextmanager
def _explained(target: str) -> Iterator[None]:
    """Say of whatever a tracker raises that folds are kept."""
    try:
        yield
    except Exception as error:
        raise _unusable(target, error) from error


def _unusable(target: str, error: Exception) -> DataError:
    return DataError(
        f"The tracker {_shown(target)} cannot be used: {_shown(str(error))} Finished folds are "
        "kept: run the same command again, with or without it."
    )


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
    return _TensorBoard(import_module("torch.utils.tensorboard").SummaryWriter(place))


def _mlflow(place: str) -> _MLflow:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent that was not asked
    client = import_module("mlflow.tracking").MlflowClient(tracking_uri=place)
    found = client.get_experiment_by_name("OpenMER")
    experiment = client.create_experiment("OpenMER") if found is None else found.experiment_id
    return _MLflow(client, client.create_run(experiment).info.run_id)


_SINKS: dict[str, Callable[[str], _Sink]] = {"tensorboard": _tensorboard, "mlflow": _mlflow}
