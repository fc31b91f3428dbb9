"""``run.toml``: everything needed to repeat a run, and the folder that its hash names."""

from __future__ import annotations

import hashlib
import json
import platform
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomli_w

import openmer
from openmer._plugins import code_of
from openmer.config import read_toml
from openmer.errors import DataError
from openmer.evaluation._audit_stamp import digest_of
from openmer.evaluation._experiment import Protocol, Task
from openmer.evaluation._predictions import fold_digests
from openmer.evaluation._protocols import LOSO
from openmer.evaluation._seen_subjects import seen_subjects, start_of
from openmer.evaluation.tuning._record import summary_of
from openmer.files import replace_file
from openmer.methods import Method
from openmer.models import builder_of, load_weights
from openmer.training import LOSSES, NetworkTraining, RunPlan

_PACKAGES = ("numpy", "torch", "timm", "scikit-learn", "opencv-contrib-python-headless", "joblib")


def run_folder(task: Task, protocol: Protocol, out: Path) -> Path:
    """Where a run's results belong: the same question always has the same folder.

    The hash covers the resolved method, the contents of its stored weights, the files of the
    plug-ins that it trains with, the prepared arrays, clips and classes, the epoch rule, a label
    permutation, folds that are not those of leave-one-subject-out, and the version of OpenMER; not
    the seeds, so that seeds can be added later.
    Arrays and clips are those that could be prepared. Where some could not, their keys are covered,
    too: the same clips chosen on purpose are another question.
    """
    question: dict[str, Any] = {
        "method": task.method.model_dump(mode="json"),
        "data": _data_record(task),
        "epoch_rule": protocol.epoch_rule,
        "label_permutation": protocol.label_permutation,
        "openmer": openmer.__version__,
    }
    if protocol.leak is not None:
        question["leak"] = protocol.leak
    if protocol.folds != LOSO:
        question["folds"] = [asdict(fold) for fold in task.folds]
    if task.failures:
        question["failures"] = sorted(failure.clip for failure in task.failures)
    text = json.dumps(question, sort_keys=True)
    return out / task.method.name / hashlib.sha256(text.encode()).hexdigest()[:12]


def read_record(folder: Path) -> dict[str, Any]:
    """Read a run's ``run.toml``; empty where the run has not begun."""
    path = folder / "run.toml"
    if not path.is_file():
        return {}
    try:
        return read_toml(path, "record of a run", DataError)
    except DataError as error:
        raise DataError(
            f"{error} Or delete it to record the run again; its folds are kept."
        ) from error


def recorded_plan(record: dict[str, Any]) -> RunPlan | None:
    """How an interrupted run was being trained; it goes on in the same way."""
    return RunPlan.model_validate(record["plan"]) if "plan" in record else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run has come.

    Attributes:
        command: The command line that began it; empty where it was called from Python.
        seeds: Seeds all of whose folds are stored.
        seconds: Wall time spent on training so far, over all sessions.
    """

    command: str
    seeds: tuple[int, ...]
    seconds: float

    @classmethod
    def going_on(cls, known: Mapping[str, Any], command: str) -> RunProgress:
        """Return where a run stands, from what its record says; `command` begins a new one."""
        return cls(
            command=known.get("command") or command,
            seeds=tuple(known.get("seeds", ())),
            seconds=float(known.get("seconds", 0.0)),
        )

    def with_seeds(self, seeds: Sequence[int], seconds: float) -> RunProgress:
        """Return a copy with further finished seeds and their time."""
        known = tuple(sorted({*self.seeds, *seeds}))
        return replace(self, seeds=known, seconds=self.seconds + seconds)


def write_record(
    folder: Path, task: Task, protocol: Protocol, plan: RunPlan, progress: RunProgress
) -> None:
    """Write ``run.toml`` atomically.

    Args:
        folder: From `run_folder`.
        task: What is evaluated.
        protocol: How.
        plan: How it is trained.
        progress: What is done.
    """
    seen = list(seen_subjects(task))
    record: dict[str, Any] = {
        "run": {
            "method": task.method.name,
            "title": task.method.title,
            "epoch_rule": protocol.epoch_rule,
            "leaky": protocol.leaky or bool(seen),
            "shuffled_labels": protocol.label_permutation is not None,
            "classes": list(task.scheme.classes),
            "clips": len(task.tested),
            "subjects": len(task.tested_subjects),
            "lost_subjects": list(task.lost_subjects),
            "motionless": task.motionless,
            "seeds": list(progress.seeds),
            "parameters": task.parameters,
            "seconds": round(progress.seconds, 1),
            "device": plan.device,
            "strategy": plan.strategy,
            "command": progress.command,
        },
        "method": task.method.model_dump(mode="json", exclude_none=True),
        "protocol": protocol.model_dump(mode="json", exclude={"seeds"}, exclude_none=True),
        "data": _data_record(task),
        "plan": plan.model_dump(mode="json"),
        "versions": versions(_PACKAGES),
    }
    if seen:
        record["run"]["seen_subjects"] = seen
    if protocol.leak is not None:
        record["run"]["leak"] = protocol.leak
    if progress.seeds:
        record["folds"] = fold_digests(folder, progress.seeds)
    if task.method.search is not None and (summary := summary_of(folder, task.method.search)):
        record["search"] = summary
    record |= _clips_record(task)
    stamped = {"record_sha256": digest_of(tomllib.loads(tomli_w.dumps(record))), **record}
    replace_file(folder / "run.toml", tomli_w.dumps(stamped))


def _clips_record(task: Task) -> dict[str, Any]:
    """Tell what was done to the clips, where they come from and which of them failed."""
    record: dict[str, Any] = {}
    if task.prepared:
        record["prepared"] = {step: dict(ways) for step, ways in task.prepared.items()}
    if task.source:
        record["source"] = dict(task.source)
    if task.failures:
        record["failures"] = [asdict(failure) for failure in task.failures]
    return record


def _data_record(task: Task) -> dict[str, Any]:
    clips = [
        [clip.key, int(target)] for clip, target in zip(task.clips, task.data.targets, strict=True)
    ]
    record = {
        "arrays_sha256": task.data.token(),
        "clips_sha256": hashlib.sha256(json.dumps(clips).encode()).hexdigest()[:16],
        "recipe_sha256": task.method.steps.fingerprint[:16],
        "label_scheme": task.scheme.name,
        "input_shape": list(task.data.inputs.shape[1:]),
    }
    stored, code = weights_digest(task.method), _code_digest(task.method)
    record |= {"weights_sha256": stored} if stored else {}
    return {**record, "code_sha256": code} if code else record


def _code_digest(method: Method) -> str:
    """Return a digest of the plug-ins that a method trains with; "" where it needs none."""
    used: list[object] = [builder_of(method.model.name)] if method.model else []
    if method.loss.name in LOSSES:
        used.append(LOSSES[method.loss.name])
    training = method.training
    if isinstance(training, NetworkTraining) and training.perturb:
        used += [type(one) for one in training.perturb.augmentations]
    codes = {code_of(getattr(one, "__module__", "")) for one in used} - {""}
    return hashlib.sha256("".join(sorted(codes)).encode()).hexdigest()[:16] if codes else ""


def weights_digest(method: Method) -> str:
    """Return a digest of the weights that a method starts from; "" where it has none."""
    stored = start_of(method)
    return stored if stored in ("", "imagenet") else load_weights(stored).sha256[:16]


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of OpenMER, of Python and of some packages, by their names."""
    found = {name: version(name) for name in packages}
    return {"openmer": openmer.__version__, "python": platform.python_version(), **found}
