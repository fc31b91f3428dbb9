"""How a recipe is read from tables, and which orders of its steps make sense."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from pydantic import ValidationError

from openmer.errors import ConfigError, unknown_name
from openmer.preprocessing._steps_array import AverageStep, ClipStep, ResizeStep, Source, Step
from openmer.preprocessing._steps_clip import AlignStep
from openmer.preprocessing._steps_source import FlowStep
from openmer.preprocessing.faces._detect import face_detector
from openmer.preprocessing.flow import _apex as apex
from openmer.preprocessing.flow._flow import flow_method


def fingerprint_of(steps: tuple[Step, ...]) -> str:
    """SHA-256, in hex, of steps, their options and the versions of their code."""
    record = [{**step.model_dump(), "version": step.version} for step in steps]
    for kept, step in zip(record, steps, strict=True):
        if isinstance(step, AlignStep):
            kept["detector_version"] = face_detector(step.detector).version
        if isinstance(step, FlowStep):
            kept["method_version"] = flow_method(step.method).version
        if isinstance(step, Source) and step.apex == "flow":
            search = apex.FlowApex()
            kept["apex_search"] = {
                **dataclasses.asdict(search),
                "method_version": flow_method(search.method).version,
                "version": apex.VERSION,
            }
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def last_size(steps: tuple[Step, ...]) -> int | None:
    """The size that steps end with; None where they keep the size of the frames."""
    sized = AlignStep | Source | ResizeStep | AverageStep
    sizes = [step.size for step in steps if isinstance(step, sized) and step.size]
    return sizes[-1] if sizes else None


def read_step(number: int, table: Mapping[str, object], kinds: Mapping[str, type[Step]]) -> Step:
    """One `[[recipe]]` table as a step.

    Args:
        number: Its place in the recipe, from 1, for errors.
        table: The name of the step and its options.
        kinds: All steps by name.

    Raises:
        ConfigError: The step or one of its options is not known, or a value is wrong.
    """
    name = table.get("step")
    if not isinstance(name, str):
        raise ConfigError(
            f"Step {number} of the recipe has no name: found {dict(table)!r}. Add step = with one "
            f"of: {', '.join(kinds)}."
        )
    if name not in kinds:
        raise unknown_name("recipe step", name, kinds)
    kind = kinds[name]
    for key in table:
        if key not in kind.model_fields:
            raise unknown_name(f"option of the recipe step {name!r} called", key, kind.model_fields)
    try:
        return kind.model_validate(dict(table))
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"Step {number} of the recipe, {name!r}: option {option!r}: {first['msg']}, found "
            f"{table.get(option, 'nothing')!r}. Correct its value."
        ) from error


def check_order(steps: tuple[Step, ...]) -> None:
    """Raise where the order of steps makes no sense.

    Raises:
        ConfigError: There is no flow, apex frame or dynamic image, or a step comes before it, too
            late, or twice; or cells of means are smaller than the pixels they are made of.
    """
    names = [step.step for step in steps]
    arrays = [step for step in steps if not isinstance(step, AlignStep | ClipStep)]
    if not arrays or not isinstance(arrays[0], Source):
        found = ", ".join(names) or "no step at all"
        raise ConfigError(
            f"A recipe begins with the step 'flow', found {found}. Put 'flow', 'apex_frame' or "
            "'dynamic_image' first, once; only 'align', 'magnify' and 'interpolate' may stand "
            "before it."
        )
    for place, step in enumerate(steps):
        if step.step in names[:place]:
            raise ConfigError(f"The recipe has the step {step.step!r} twice. Keep one of them.")
        before = sorted(step.never_after & set(names[:place]))
        if before:
            raise ConfigError(
                f"The step {step.step!r} cannot stand after {' and '.join(map(repr, before))}. Put "
                "it before, or leave one of them out."
            )
    for place, step in enumerate(steps):
        size = last_size(steps[:place])
        if isinstance(step, AverageStep) and size is not None and size < step.size:
            raise ConfigError(
                f"The step 'average' cannot make {step.size} x {step.size} cells of "
                f"{size} x {size} pixels. Choose a size of at most {size}."
            )
