"""How a run was made, read from the ``run.toml`` that lies beside its predictions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openmer.config import read_toml
from openmer.errors import DataError
from openmer.evaluation._audit_stamp import NOT_AUDITED, audit_state, digest_of
from openmer.evaluation._predictions import fold_digests, read_run
from openmer.evaluation._summary import Summary, summarise

EPOCH_RULES = ("fixed", "inner", "held_out")
_NUMBER = (int, float)
_FAILURE = ("clip", "step", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The record of one run.

    Attributes:
        method: Name of the method ("ststnet").
        title: How tables call it ("STSTNet").
        epoch_rule: "fixed" (the last epoch of a stated budget), "inner" (chosen on subjects held
            out inside the training subjects) or "held_out" (chosen on the tested subject: leaky).
        leaky: Whether the run has seen its tested subjects in any way.
        classes: Class names in the order of their indices.
        clips: Number of clips.
        subjects: Number of held-out subjects.
        seeds: The finished seeds.
        parameters: Number of trained weights of one model.
        seconds: Wall time of the whole run.
        device: What it ran on ("cpu", "NVIDIA H200").
        strategy: How the folds were run ("stacked", "side by side").
        shuffled_labels: Whether it was trained on shuffled labels, as a control that must score
            like chance.
        command: The command line that repeats the run; "" where the record has none.
        method_table: The resolved method, as its TOML has it.
        data: What the run was fed: corpora, counts, hashes.
        versions: Versions of the packages that matter.
        source: Where the clips came from: corpus or manifest, counts found and expected; empty
            where it was not recorded.
        prepared: By recipe step, to how many clips it did what: where the apex frame came from, and
            whether the band of `magnify` holds a frequency bin; empty where it was not recorded.
        failures: Clips that could not be prepared and are in no score; `clip`, `step` and `reason`
            of each.
        lost_subjects: Subjects who are in no score, because all their clips are among the failures.
        motionless: Clips whose flow is the same everywhere, or whose onset is their apex.
        leak: The leak that was made on purpose, as in `Protocol`; "" for none.
        protocol: How clips were held out ("loso", "kfold:5:10").
        seen_subjects: Held-out subjects whose pictures made the weights that the folds started
            from: the run is leaky.
        transductive: What a clip's scores take from other clips of its subject, as the method says;
            empty where a clip is scored alone.
        audit: Whether the run was audited, in part or not at all, or what was found.
    """

    method: str
    title: str
    epoch_rule: str
    leaky: bool
    classes: tuple[str, ...]
    clips: int
    subjects: int
    seeds: tuple[int, ...]
    parameters: int
    seconds: float
    device: str
    strategy: str
    shuffled_labels: bool = False
    command: str = ""
    method_table: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    prepared: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    failures: tuple[Mapping[str, str], ...] = ()
    lost_subjects: tuple[str, ...] = ()
    protocol: str = "loso"
    seen_subjects: tuple[str, ...] = ()
    motionless: int = 0
    leak: str = ""
    transductive: str = ""
    audit: str = NOT_AUDITED

    @property
    def asked(self) -> int:
        """Clips that were to be evaluated: those in the scores and those that failed."""
        return self.clips + len(self.failures)


def read_run_info(folder: Path) -> RunInfo:
    """Read the record of the run in this folder, from its ``run.toml``.

    ``[run]`` holds the fields of `RunInfo`, ``[[failures]]`` the clips that could not be prepared;
    ``[method]``, ``[data]``, ``[source]``, ``[prepared]`` and ``[versions]`` are kept as they are.
    Keys that `RunInfo` does not know are ignored: an older OpenMER reads newer runs.

    Raises:
        DataError: The file is missing, is no TOML, lacks a key, or a value is not what it must be.
    """
    path = folder / "run.toml"
    tables = _read_toml(path)
    run = _Table(path, _sub_table(path, tables, "run", required=True))
    info = RunInfo(
        method=run.text("method"),
        title=run.text("title"),
        epoch_rule=run.text("epoch_rule"),
        leaky=run.boolean("leaky"),
        classes=run.texts("classes"),
        clips=run.count("clips"),
        subjects=run.count("subjects"),
        seeds=run.finished_seeds(),
        parameters=run.count("parameters"),
        seconds=run.seconds("seconds"),
        device=run.text("device"),
        strategy=run.text("strategy"),
        shuffled_labels="shuffled_labels" in run.values and run.boolean("shuffled_labels"),
        command=run.text("command") if "command" in run.values else "",
        method_table=_sub_table(path, tables, "method"),
        data=_sub_table(path, tables, "data"),
        versions=_sub_table(path, tables, "versions"),
        source=_sub_table(path, tables, "source"),
        prepared=_sub_table(path, tables, "prepared"),
        failures=_failures(path, tables),
        lost_subjects=run.texts("lost_subjects") if run.values.get("lost_subjects") else (),
        protocol=str(_sub_table(path, tables, "protocol").get("folds", "loso")),
        seen_subjects=run.texts("seen_subjects") if run.values.get("seen_subjects") else (),
        leak=run.text("leak") if "leak" in run.values else "",
        motionless=run.count("motionless") if "motionless" in run.values else 0,
        transductive=str(_sub_table(path, tables, "method").get("transductive", "")),
        audit=audit_state(folder),
    )
    _require_unedited(path, tables)
    _require_honest_record(path, info)
    _require_same_folds(folder, info.seeds, tables.get("folds"))
    return info


def _require_unedited(path: Path, tables: Mapping[str, Any]) -> None:
    """Refuse a record that was changed after it was written; older ones have no digest."""
    stamp = tables.get("record_sha256")
    told = {name: table for name, table in tables.items() if name != "record_sha256"}
    if stamp is not None and stamp != digest_of(told):
        raise DataError(
            f"{path} was edited after it was written: its digest is another one. Delete it and run "
            "the method again; finished folds are kept."
        )


def _require_same_folds(folder: Path, seeds: Collection[int], recorded: object) -> None:
    """Refuse files of predictions that are not those of the record."""
    if not isinstance(recorded, dict):
        return
    found = fold_digests(folder, seeds)
    other = [name for name in sorted({*recorded, *found}) if recorded.get(name) != found.get(name)]
    if other:
        raise DataError(
            f"{folder / 'folds' / other[0]} is not the file that was written with "
            f"{folder / 'run.toml'}: it was changed, damaged or lost, or is new. Delete it and run "
            "the method again: only this fold is repeated."
        )


def load_run(folder: Path) -> tuple[RunInfo, Summary]:
    """Read the record of the run in this folder, and the scores of its finished seeds.

    Raises:
        DataError: The record or a prediction file is missing or broken, or they do not fit.
        ProtocolError: A class has no clip at all.
    """
    info = read_run_info(folder)
    predictions = read_run(folder, seeds=info.seeds)
    try:
        return info, summarise(predictions, info.classes)
    except DataError as error:
        raise DataError(f"{folder}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of a TOML file, read strictly."""

    path: Path
    values: Mapping[str, Any]

    def text(self, key: str) -> str:
        return str(self._value(key, (str,), "text"))

    def boolean(self, key: str) -> bool:
        return bool(self._value(key, (bool,), "true or false"))

    def count(self, key: str) -> int:
        value = int(self._value(key, (int,), "a whole number, 0 or more"))
        if value < 0:
            raise self._wrong(key, value, "a whole number, 0 or more")
        return value

    def seconds(self, key: str) -> float:
        value = float(self._value(key, _NUMBER, "seconds, 0 or more"))
        if not 0 <= value < float("inf"):
            raise self._wrong(key, value, "seconds, 0 or more")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(self._list(key, str, "a list of texts"))

    def finished_seeds(self) -> tuple[int, ...]:
        if self.values.get("seeds") == []:
            raise DataError(
                f"{self.path} says that no seed is finished. Run the method again; finished folds "
                "are kept."
            )
        return tuple(self._list("seeds", int, "a list of whole numbers"))

    def _list(self, key: str, kind: type, expected: str) -> list[Any]:
        values: list[Any] = self._value(key, (list,), expected)
        if not values or not all(type(value) is kind for value in values):
            raise self._wrong(key, values, expected)
        return values

    def _value(self, key: str, kinds: tuple[type, ...], expected: str) -> Any:  # noqa: ANN401
        if key not in self.values:
            raise DataError(
                f"{self.path} lacks {key!r} in [run]. It has {', '.join(sorted(self.values))}. "
                "Run the method again; finished folds are kept."
            )
        value = self.values[key]
        # True is an int in Python, and a seed of True is a mistake.
        if type(value) not in kinds:
            raise self._wrong(key, value, expected)
        return value

    def _wrong(self, key: str, value: object, expected: str) -> DataError:
        return DataError(f"{self.path}: [run] {key} = {value!r}; expected {expected}.")


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise DataError(
            f"There is no {path}. Pass the folder of a finished run, runs/<method>/<hash>."
        )
    return read_toml(path, "record of a run", DataError)


def _sub_table(
    path: Path, tables: Mapping[str, Any], name: str, *, required: bool = False
) -> Mapping[str, Any]:
    table = tables.get(name, None if required else {})
    if not isinstance(table, dict):
        raise DataError(f"{path} has no table [{name}]. It is not the record of a run.")
    return table


def _failures(path: Path, tables: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    """Read which clips could not be prepared; none where the record has no such list."""
    found = tables.get("failures", [])
    if not isinstance(found, list) or not all(map(_is_failure, found)):
        raise DataError(
            f"{path}: [[failures]] is {found!r}; expected tables with the texts "
            f"{', '.join(_FAILURE)}. Run the method again; finished folds are kept."
        )
    return tuple({key: failure[key] for key in _FAILURE} for failure in found)


def _is_failure(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in _FAILURE)


def _require_honest_record(path: Path, info: RunInfo) -> None:
    if info.epoch_rule not in EPOCH_RULES:
        raise DataError(
            f"{path}: [run] epoch_rule = {info.epoch_rule!r}; expected one of "
            f"{', '.join(EPOCH_RULES)}."
        )
    if info.epoch_rule == "held_out" and not info.leaky:
        raise DataError(
            f"{path} says epoch_rule = 'held_out' and leaky = false. An epoch chosen on the tested "
            "subject is a leak: set leaky = true."
        )
    if info.leak and not info.leaky:
        raise DataError(f"{path} says leak = {info.leak!r} and leaky = false. Set leaky = true.")
    if info.seen_subjects and not info.leaky:
        raise DataError(
            f"{path} says leaky = false and names {len(info.seen_subjects)} seen_subjects. Weights "
            "made on pictures of tested subjects are a leak: set leaky = true."
        )
