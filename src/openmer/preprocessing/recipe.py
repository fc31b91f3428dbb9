"""A recipe: the ordered steps that turn a clip into an array, as a value one can print and hash.

As in a method file, where it is read strictly:

    [[recipe]]
    step = "flow"       # onset to apex; method = "tvl1", size = 0 (no resizing before it)
    [[recipe]]
    step = "strain"     # (u, v) becomes (u, v, strain)
    [[recipe]]
    step = "resize"
    size = 28
    [[recipe]]
    step = "stretch"    # 8 bits per clip and channel; without it: true magnitude in pixels

and, for the support vector machine, `step = "average"`, `size = 14` at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError, unknown_name
from openmer.preprocessing.flow import flow_method, optical_flow
from openmer.preprocessing.frames import read_gray, read_rgb
from openmer.preprocessing.resample import average, resize_flow, resize_image, stretch_8bit
from openmer.preprocessing.strain import optical_strain

# Each step has a `version`, raised whenever its numbers change, so that no cached array outlives
# them (that of the flow stands for reading the frames, too), and `never_after`: the steps that it
# cannot follow.
_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")


def _zero_or_large(size: int) -> int:
    if 0 < size < 16:
        raise ValueError("flow needs 16 px at least; give 0 to keep the frames' own size")
    return size


class FlowStep(BaseModel):
    """Optical flow from the onset frame to the apex frame, both gray: ``(2, height, width)``.

    Attributes:
        method: Name of the flow method.
        size: Both frames become squares of this many pixels first; 0 keeps their own size.
        apex: Which frame is the apex: the annotated one or, where none is annotated, the middle
            frame ``onset + (offset - onset) // 2``, but never the onset itself.
    """

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset()

    step: Literal["flow"] = "flow"
    method: str = "tvl1"
    size: Annotated[int, Field(ge=0), AfterValidator(_zero_or_large)] = 0
    apex: Literal["annotated-or-middle"] = "annotated-or-middle"

    def frame_numbers(self, clip: Clip) -> tuple[int, int]:
        """Numbers of the onset and the apex frame of a clip, from 0.

        Raises:
            DataError: The clip has no onset, neither apex nor offset, or not these frames.
        """
        apex = clip.apex
        if clip.onset is not None and apex is None and clip.offset is not None:
            apex = max(clip.onset + 1, clip.onset + (clip.offset - clip.onset) // 2)
        if clip.onset is None or apex is None:
            raise DataError(
                f"{clip.key}: flow needs an onset and an apex or offset, found onset {clip.onset}, "
                f"apex {clip.apex}, offset {clip.offset}. Annotate them."
            )
        if not 0 <= clip.onset < apex < len(clip.frame_paths):
            raise DataError(
                f"{clip.key}: onset {clip.onset} and apex {apex} must be two frames, in this "
                f"order, among its {len(clip.frame_paths)} frames, counted from 0. Correct them."
            )
        return clip.onset, apex

    def apply(self, onset: NDArray[np.float32], apex: NDArray[np.float32]) -> NDArray[np.float32]:
        """Flow between two gray frames, shape ``(2, height, width)``, in pixels."""
        if self.size:
            onset, apex = resize_image(onset, self.size), resize_image(apex, self.size)
        return optical_flow(onset, apex, method=self.method)


class StrainStep(BaseModel):
    """Append the optical strain: ``(u, v)`` becomes ``(u, v, strain)``."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"stretch", "average"})

    step: Literal["strain"] = "strain"

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(2, height, width)`` to ``(3, height, width)``."""
        return np.concatenate([array, optical_strain(array)])


class ResizeStep(BaseModel):
    """Make the flow a square of `size` pixels, u and v in pixels of the new size."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset({"stretch", "average"})

    step: Literal["resize"] = "resize"
    size: int = Field(ge=1)

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(channels, height, width)`` to ``(channels, size, size)``."""
        return resize_flow(array, self.size)


class StretchStep(BaseModel):
    """Stretch each channel of the clip to 0..255 and round: the form of the STSTNet authors."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset()

    step: Literal["stretch"] = "stretch"

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same shape, whole numbers in 0..255."""
        return stretch_8bit(array)


class AverageStep(BaseModel):
    """Means over `size` x `size` cells; values keep their unit."""

    model_config = _STRICT
    version: ClassVar[int] = 1
    never_after: ClassVar[frozenset[str]] = frozenset()

    step: Literal["average"] = "average"
    size: int = Field(ge=1)

    def apply(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(channels, height, width)`` to ``(channels, size, size)``."""
        return average(array, self.size)


Step = FlowStep | StrainStep | ResizeStep | StretchStep | AverageStep

_STEPS: dict[str, type[Step]] = {
    "flow": FlowStep,
    "strain": StrainStep,
    "resize": ResizeStep,
    "stretch": StretchStep,
    "average": AverageStep,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps in their order, from a clip to an array.

    The first step is the flow; each step comes at most once. A clip with a ready 8-bit flow image
    enters after the step `stretch`: what stands before it is skipped, the image is only resized
    where its size is another one. A ready image is used before frames where a clip has both.

    Raises:
        ConfigError: The order of the steps makes no sense, or a flow method is not known.
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        _check_order(self.steps)
        flow_method(self.flow.method)
        for place, step in enumerate(self.steps):
            size = _last_size(self.steps[:place])
            if isinstance(step, AverageStep) and size is not None and size < step.size:
                raise ConfigError(
                    f"The step 'average' cannot make {step.size} x {step.size} cells of "
                    f"{size} x {size} pixels. Choose a size of at most {size}."
                )

    @classmethod
    def from_tables(cls, tables: Iterable[Mapping[str, object]]) -> Recipe:
        """The recipe that a method file's `[[recipe]]` tables describe.

        Raises:
            ConfigError: A step or one of its keys is not known (the nearest is suggested), a value
                is wrong, or the order makes no sense.
        """
        return cls(tuple(_step(number, table) for number, table in enumerate(tables, start=1)))

    @property
    def tables(self) -> list[dict[str, object]]:
        """The steps with all their options, as `from_tables` reads them."""
        return [step.model_dump() for step in self.steps]

    @property
    def flow(self) -> FlowStep:
        """The first step."""
        if not self.steps or not isinstance(self.steps[0], FlowStep):
            raise ConfigError("A recipe begins with the step 'flow'. Put it first.")
        return self.steps[0]

    @property
    def channels(self) -> int:
        """Channels of the array: 2 for u and v, 3 with strain."""
        return 3 if self._place("strain") is not None else 2

    @property
    def size(self) -> int | None:
        """Height and width of the array; None where they are those of the frames."""
        return _last_size(self.steps)

    @property
    def stretched(self) -> bool:
        """Whether values are of the 8-bit form in 0..255, not of true magnitude in pixels."""
        return self._place("stretch") is not None

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of the steps, their options and the versions of their code."""
        record = [{**step.model_dump(), "version": step.version} for step in self.steps]
        record[0]["method_version"] = flow_method(self.flow.method).version
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def __str__(self) -> str:
        return "\n".join(
            " ".join(
                [step.step, *(f"{k}={v}" for k, v in step.model_dump(exclude={"step"}).items())]
            )
            for step in self.steps
        )

    def inputs(self, clip: Clip) -> tuple[Path, ...]:
        """The files the recipe reads of a clip: onset and apex frame, or one ready flow image.

        Raises:
            DataError: The clip has nothing this recipe can start from.
        """
        if clip.flow_path is not None and self.stretched:
            return (clip.flow_path,)
        if clip.frame_paths:
            onset, apex = self.flow.frame_numbers(clip)
            return (clip.frame_paths[onset], clip.frame_paths[apex])
        if clip.flow_path is not None:
            raise DataError(
                f"{clip.key} has only a ready 8-bit flow image, in which the true magnitude is "
                "lost, but the recipe has no step 'stretch'. Add that step or give the frames."
            )
        raise DataError(f"{clip.key} has neither frames nor a flow image. Give it one of them.")

    def run(self, clip: Clip) -> NDArray[np.float32]:
        """The array of a clip.

        Returns:
            float32, shape ``(channels, height, width)``; channels u, v and, with the step
            `strain`, strain; in pixels (strain unitless), or in 0..255 with the step `stretch`.

        Raises:
            DataError: The clip lacks what the recipe needs, or a file is missing or broken; the
                message names the clip.
        """
        paths = self.inputs(clip)
        try:
            if len(paths) == 1:
                return self._from_flow_image(paths[0])
            array = self.flow.apply(*(read_gray(path) for path in paths))
            return self._apply(self.steps[1:], array)
        except DataError as error:
            raise DataError(f"{clip.key}: {error}") from error

    def _from_flow_image(self, path: Path) -> NDArray[np.float32]:
        """The steps after `stretch`, on a ready flow image."""
        after = (self._place("stretch") or 0) + 1
        image = read_rgb(path)[: self.channels]
        size = _last_size(self.steps[:after])
        if size is not None and image.shape[1:] != (size, size):
            image = resize_image(image, size)
        return self._apply(self.steps[after:], image)

    def _apply(self, steps: tuple[Step, ...], array: NDArray[np.float32]) -> NDArray[np.float32]:
        for step in steps:
            if not isinstance(step, FlowStep):
                array = step.apply(array)
        return array

    def _place(self, name: str) -> int | None:
        """Where in the recipe a step stands, from 0; None where it is not in it."""
        return next((i for i, step in enumerate(self.steps) if step.step == name), None)


def list_steps() -> tuple[str, ...]:
    """Names of all steps, in the order in which a recipe usually has them."""
    return tuple(_STEPS)


def _last_size(steps: tuple[Step, ...]) -> int | None:
    """The size that steps end with; None where they keep the size of the frames."""
    sizes = [step.size for step in steps if isinstance(step, FlowStep | ResizeStep | AverageStep)]
    return next((size for size in reversed(sizes) if size), None)


def _step(number: int, table: Mapping[str, object]) -> Step:
    """One `[[recipe]]` table as a step."""
    name = table.get("step")
    if not isinstance(name, str):
        raise ConfigError(
            f"Step {number} of the recipe has no name: found {dict(table)!r}. Add step = with one "
            f"of: {', '.join(_STEPS)}."
        )
    if name not in _STEPS:
        raise unknown_name("recipe step", name, _STEPS)
    kind = _STEPS[name]
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


def _check_order(steps: tuple[Step, ...]) -> None:
    """Raise where a step comes twice, too late, or before the flow."""
    names = [step.step for step in steps]
    if not names or names[0] != "flow":
        found = ", ".join(names) or "no step at all"
        raise ConfigError(
            f"A recipe begins with the step 'flow', found {found}. Put 'flow' first, once."
        )
    for place, step in enumerate(steps):
        if step.step in names[:place]:
            raise ConfigError(f"The recipe has the step {step.step!r} twice. Keep one of them.")
        before = sorted(step.never_after & set(names[:place]))
        if before:
            raise ConfigError(
                f"The step {step.step!r} needs flow in pixels, but stands after "
                f"{' and '.join(map(repr, before))}. Put it before."
            )
