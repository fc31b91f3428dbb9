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

and, for the support vector machine, `step = "average"`, `size = 14` at the end. Frames can be
aligned before the flow, and the apex frame itself can take its place:

    [[recipe]]
    step = "align"      # as a paper states it; one transform for the whole clip
    style = "efficient-me"
    [[recipe]]
    step = "apex_frame" # red, green, blue in 0..255
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError, unknown_name
from openmer.preprocessing.faces import ArrayStore, face_detector
from openmer.preprocessing.failures import step_of
from openmer.preprocessing.flow import flow_method
from openmer.preprocessing.frames import read_gray, read_rgb
from openmer.preprocessing.resample import mirror_flow, resize_image
from openmer.preprocessing.steps import (
    AlignStep,
    ApexFrameStep,
    AverageStep,
    FlowStep,
    ResizeStep,
    Source,
    Step,
    StrainStep,
    StretchStep,
)

_STEPS: dict[str, type[Step]] = {
    "align": AlignStep,
    "flow": FlowStep,
    "apex_frame": ApexFrameStep,
    "strain": StrainStep,
    "resize": ResizeStep,
    "stretch": StretchStep,
    "average": AverageStep,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps in their order, from a clip to an array.

    The first step is the flow, or the apex frame; only the alignment stands before it. Each step
    comes at most once. A clip with a ready 8-bit flow image enters after the step `stretch`: what
    stands before it is skipped, the image is only resized where its size is another one. A ready
    image is used before frames where a clip has both, but never by a recipe that aligns.

    Raises:
        ConfigError: The order of the steps makes no sense, or a flow method or face detector is not
            known.
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        _check_order(self.steps)
        if self.flow is not None:
            flow_method(self.flow.method)
        if self.align is not None:
            face_detector(self.align.detector)
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
    def align(self) -> AlignStep | None:
        """The step `align`; None in a recipe that takes frames as they are."""
        first = self.steps[0]
        return first if isinstance(first, AlignStep) else None

    @property
    def source(self) -> Source:
        """The step that makes the first array of a clip: the flow, or the apex frame."""
        found = self.steps[0 if self.align is None else 1]
        if not isinstance(found, FlowStep | ApexFrameStep):
            raise ConfigError("A recipe needs the step 'flow' or 'apex_frame'. Add one of them.")
        return found

    @property
    def flow(self) -> FlowStep | None:
        """The step `flow`; None in a recipe of the apex frame."""
        return self.source if isinstance(self.source, FlowStep) else None

    @property
    def channels(self) -> int:
        """Channels of the array: 2 for u and v, 3 with strain, or red, green and blue."""
        return 2 if self.flow is not None and self._place("strain") is None else 3

    @property
    def size(self) -> int | None:
        """Height and width of the array; None where they are those of the frames."""
        return _last_size(self.steps)

    @property
    def stretched(self) -> bool:
        """Whether values are flow in the 8-bit form in 0..255, not of true magnitude in pixels."""
        return self._place("stretch") is not None

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of the steps, their options and the versions of their code."""
        record = [{**step.model_dump(), "version": step.version} for step in self.steps]
        if self.align is not None:
            record[0]["detector_version"] = face_detector(self.align.detector).version
        if self.flow is not None:
            place = self.steps.index(self.flow)
            record[place]["method_version"] = flow_method(self.flow.method).version
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
        """The files the recipe reads of a clip: some frames, or one ready flow image.

        Raises:
            DataError: The clip has nothing this recipe can start from.
        """
        if self._starts_from_flow_image(clip):
            return (clip.flow_path,) if clip.flow_path is not None else ()
        if clip.frame_paths:
            numbers = self.source.frame_numbers(clip)
            if self.align is not None:
                numbers = (self.align.frame_number(clip), *numbers)
            return tuple(clip.frame_paths[number] for number in dict.fromkeys(numbers))
        if clip.flow_path is None:
            raise DataError(f"{clip.key} has neither frames nor a flow image. Give it one of them.")
        if self.align is not None or self.flow is None:
            raise DataError(
                f"{clip.key} has only a ready flow image, but the recipe has the step "
                f"{self.steps[0].step!r}, which needs frames. Give the frames."
            )
        raise DataError(
            f"{clip.key} has only a ready 8-bit flow image, in which the true magnitude is "
            "lost, but the recipe has no step 'stretch'. Add that step or give the frames."
        )

    def run(self, clip: Clip, *, store: ArrayStore | None = None) -> NDArray[np.float32]:
        """The array of a clip.

        Args:
            clip: With the frames, or the ready flow image, that `inputs` names.
            store: Where found faces are kept and found again; None looks anew.

        Returns:
            float32, shape ``(channels, height, width)``; channels u, v and, with the step
            `strain`, strain; in pixels (strain unitless), or in 0..255 with the step `stretch`. Of
            the apex frame: red, green and blue in 0..255.

        Raises:
            DataError: The clip lacks what the recipe needs, a file is missing or broken, or there
                is no face to align; a `StepError` that names the clip and the step.
        """
        with step_of(clip.key, "input"):
            paths = self.inputs(clip)
        if self._starts_from_flow_image(clip):
            with step_of(clip.key, "read"):
                return self._from_flow_image(paths[0])
        numbers = self.source.frame_numbers(clip)
        with step_of(clip.key, "read"):
            images = [self._read(clip.frame_paths[number]) for number in numbers]
        if self.align is not None:
            with step_of(clip.key, "read"):
                reference = _read_colours(clip.frame_paths[self.align.frame_number(clip)])
            with step_of(clip.key, "align"):
                alignment = self.align.find(reference, store)
                images = [alignment.apply(image) for image in images]
        with step_of(clip.key, self.source.step):
            array = self.source.apply(*images)
        return self._apply(self.steps[self.steps.index(self.source) + 1 :], array)

    def run_still(
        self, image_rgb: NDArray[np.generic], *, store: ArrayStore | None = None
    ) -> NDArray[np.float32]:
        """A still, for instance a macro-expression, by the way of the apex frames.

        Args:
            image_rgb: As `images` in `openmer.preprocessing.faces.detect_faces`.
            store: As in `run`.

        Returns:
            As `run`, of a recipe with the step `apex_frame`.

        Raises:
            ConfigError: The recipe measures flow, which a still has not.
            DataError: There is no face to align.
        """
        if not isinstance(self.source, ApexFrameStep):
            raise ConfigError("A still has no flow. Give a recipe with the step 'apex_frame'.")
        image = image_rgb.astype(np.float32)
        if self.align is not None:
            image = self.align.find(image, store).apply(image)
        return self.source.apply(image)

    def mirrored(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """An array of this recipe as seen in a mirror; in flow, u changes its direction.

        Args:
            array: Shape ``(..., channels, height, width)``.
        """
        if self.flow is None:
            return array[..., ::-1].copy()
        return mirror_flow(array, stretched=self.stretched)

    def _starts_from_flow_image(self, clip: Clip) -> bool:
        return clip.flow_path is not None and self.stretched and self.align is None

    def _read(self, path: Path) -> NDArray[np.float32]:
        """A frame as the source needs it: gray for flow, else ``(height, width, 3)``."""
        return _read_colours(path) if self.flow is None else read_gray(path)

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
            if not isinstance(step, AlignStep | FlowStep | ApexFrameStep):
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
    sizes = [
        step.size for step in steps if not isinstance(step, StrainStep | StretchStep) and step.size
    ]
    return sizes[-1] if sizes else None


def _read_colours(path: Path) -> NDArray[np.float32]:
    """An image file as ``(height, width, 3)``."""
    return np.ascontiguousarray(np.moveaxis(read_rgb(path), 0, -1))


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
    """Raise where a step comes twice, too late, or before the flow or the apex frame."""
    names = [step.step for step in steps]
    after_align = names[1:] if names[:1] == ["align"] else names
    if not after_align or after_align[0] not in ("flow", "apex_frame"):
        found = ", ".join(names) or "no step at all"
        raise ConfigError(
            f"A recipe begins with the step 'flow', found {found}. Put 'flow' or 'apex_frame' "
            "first, once; only 'align' may stand before it."
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
