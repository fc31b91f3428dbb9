"""How a run was made, read from the ``run.toml`` that lies beside its predictions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, field_validator

from openmer.config import explain, read_toml
from openmer.errors import DataError
from openmer.evaluation._audit_stamp import NOT_AUDITED, audit_state, digest_of
from openmer.evaluation._predictions import UNITS, fold_digests, read_run
from openmer.evaluation._summary import Summary, summarise

_FAILURE = ("clip", "step", "reason")
_TABLES = ("data", "versions", "source", "prepared")

Count = Annotated[int, Field(ge=0)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]


class RunInfo(BaseModel):
    """The record of one run; keys that it does not know are ignored: newer runs are read, too.

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

    model_config = ConfigDict(frozen=True, strict=True)

    method: str
    title: str
    epoch_rule: Literal["fixed", "inner", "held_out"]
    leaky: bool
    classes: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    clips: Count
    subjects: Count
    seeds: Annotated[tuple[StrictInt, ...], Field(strict=False, min_length=1)]
    parameters: Count
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    device: str
    strategy: str
    shuffled_labels: bool = False
    command: str = ""
    method_table: Mapping[str, Any] = Field(default_factory=dict)
    data: Mapping[str, Any] = Field(default_factory=dict)
    versions: Mapping[str, Any] = Field(default_factory=dict)
    source: Mapping[str, Any] = Field(default_factory=dict)
    prepared: Mapping[str, Mapping[str, int]] = Field(default_factory=dict)
    failures: Annotated[tuple[Mapping[str, str], ...], Field(strict=False)] = ()
    lost_subjects: Texts = ()
    protocol: str = "loso"
    seen_subjects: Texts = ()
    motionless: Count = 0
    leak: str = ""
    transductive: str = ""
    audit: str = NOT_AUDITED

    @field_validator("failures", mode="before")
    @classmethod
    def _all_of_texts(cls, found: object) -> object:
        """Refuse a list of failures that lacks a text; leave out what else it says."""
        if not isinstance(found, list | tuple) or not all(map(_is_failure, found)):
            raise ValueError(f"expected tables [[failures]] with the texts {', '.join(_FAILURE)}")
        return tuple({key: failure[key] for key in _FAILURE} for failure in found)

    @property
    def asked(self) -> int:
        """Clips that were to be evaluated: those in the scores and those that failed."""
        return self.clips + len(self.failures)


def read_run_info(folder: Path) -> RunInfo:
    """Read the record of the run in this folder, from its ``run.toml``.

    ``[run]`` holds the fields of `RunInfo`, ``[[failures]]`` the clips that could not be prepared;
    ``[method]``, ``[data]``, ``[source]``, ``[prepared]`` and ``[versions]`` are kept as they are.

    Raises:
        DataError: The file is missing, is no TOML, lacks a key, or a value is not what it must be.
    """
    path = folder / "run.toml"
    tables = _read_toml(path)
    run = _sub_table(path, tables, "run", required=True)
    if run.get("seeds") == []:
        raise DataError(
            f"{path} says that no seed is finished. Run the method again; finished folds are kept."
        )
    method = _sub_table(path, tables, "method")
    whole = {
        **run,
        **{name: _sub_table(path, tables, name) for name in _TABLES},
        "method_table": method,
        "transductive": str(method.get("transductive", "")),
        "failures": tables.get("failures", []),
        "protocol": str(_sub_table(path, tables, "protocol").get("folds", "loso")),
        "audit": audit_state(folder),
    }
    try:
        info = RunInfo.model_validate(whole)
    except ValidationError as error:
        raise DataError(
            f"{path}: [run] {explain(RunInfo, whole, error)} Run the method again; finished folds "
            "are kept."
        ) from error
    _require_unedited(path, tables)
    _require_honest_record(path, info)
    _require_same_folds(folder, info.seeds, tables.get("folds"))
    return info


def _require_unedited(path: Path, tables: Mapping[str, Any]) -> None:
    """Refuse a record that was changed after it was written; older ones have no digest."""
    stamp = tables.get("record_sha256")
    content = {name: table for name, table in tables.items() if name != "record_sha256"}
    if stamp is not None and stamp != digest_of(content):
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
        below = folder if other[0].startswith(f"{UNITS}/") else folder / "folds"
        raise DataError(
            f"{below / other[0]} is not the file that was written with "
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
    if info.method_table.get("task") == "action_units":
        raise DataError(
            f"{folder} holds action units and no classes. Its scores are shown by the command that "
            "made it, `openmer action-units`."
        )
    predictions = read_run(folder, seeds=info.seeds)
    try:
        return info, summarise(predictions, info.classes)
    except DataError as error:
        raise DataError(f"{folder}: {error}") from error


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


def _is_failure(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in _FAILURE)


def _require_honest_record(path: Path, info: RunInfo) -> None:
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
