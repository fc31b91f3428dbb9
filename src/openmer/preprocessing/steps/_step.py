"""What every step of a recipe is, the data that one hands to the next, and the loop over them.

What flows between steps has a kind: `FRAMES`, `ALIGNED`, ... A step says which kinds it takes and
what it gives for each, so that the order of a recipe is checked without a list of orders. Kinds are
plain strings: a step of another package may give and take kinds of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing._failures import StepError, StoreError
from openmer.preprocessing._frame_sequence import Frames, FrameSequence, movement
from openmer.preprocessing._frames import FrameFiles, read_rgb
from openmer.preprocessing.faces._detect import ArrayStore
from openmer.preprocessing.flow._resample import flip_flow, resize_image
from openmer.registry import Registry

Array = NDArray[np.float32]
ApexPolicy = Literal["annotated-or-middle", "annotated", "middle", "flow"]

FRAMES, ALIGNED = "frames", "aligned frames"
MAGNIFIED, INTERPOLATED = "magnified frames", "interpolated frames"
ALL_FRAMES = (FRAMES, ALIGNED, MAGNIFIED, INTERPOLATED)
FLOW, AVERAGED_FLOW, STRETCHED_FLOW = "flow", "averaged flow", "stretched flow"
FLOW_AND_IMAGE, STRETCHED_FLOW_AND_IMAGE = "flow and image", "stretched flow and image"
FLOW_AND_DEPTH = "flow and depth"
RECOVERED_FLOW, GRADIENTS = "recovered flow", "flow gradients"
IMAGE, DYNAMIC_IMAGE, STRETCHED_IMAGE = "image", "dynamic image", "stretched image"

_GRADIENTS_FLIPPED = np.array([1, -1, 1, -1], np.float32)[:, None, None]
"""Divergence and the first shear are those of the flipped image; curl and the second turn round."""


@dataclass(frozen=True)
class ClipData:
    """What one step hands to the next, for one clip.

    Attributes:
        clip: The clip.
        files: Where its frames are read from.
        apex: Which frame the recipe takes as the apex.
        store: Where found faces are kept; None looks again.
        aligned: The frames as they were before they were magnified: where an apex is looked for.
        frames: The frames as the steps before have made them.
        numbers: Frames of the clip that the first array was made of, from 0.
        array: What the steps before have made, ``(channels, height, width)``; empty before.
        kind: What the steps before have given.
        align: Brings a frame, ``(height, width)`` in 0..255, to where the aligned ones are; None
            where frames are taken as they are.
    """

    clip: Clip
    files: Frames
    aligned: FrameSequence
    frames: FrameSequence
    apex: ApexPolicy = "annotated-or-middle"
    store: ArrayStore | None = None
    numbers: tuple[int, ...] = ()
    array: Array = field(default_factory=lambda: np.empty((0, 0, 0), np.float32))
    kind: str = FRAMES
    align: Callable[[Array], Array] | None = None


class Step(BaseModel):
    """One step of a recipe: a strict record of its options, with what it does.

    A subclass is registered under the default of its field `step`. It overrides `change`, or
    `apply` where it needs more than the array that the steps before have made. The class variables
    are what a recipe has to know of it; a `size` among the options is the size of what it gives.

    Attributes:
        step: Its name in a recipe.

    Example:
        class Halve(openmer.Step):
            gives: ClassVar = {"flow": "flow"}
            step: Literal["halve"] = "halve"

            def change(self, array):
                return array / 2
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    version: ClassVar[int] = 1
    """Raised whenever its numbers change, so that no cached array outlives them."""
    gives: ClassVar[Mapping[str, str]] = {}
    """The kinds that it takes, each with the kind that it gives for it."""
    in_colour: ClassVar[bool] = False
    """It looks at the colours of the frames, which are read gray otherwise."""
    uses_fps: ClassVar[bool] = False
    """Its result depends on the frames per second of the clip."""
    of_movement: ClassVar[bool] = False
    """It reads all frames of a clip from its onset to its offset."""
    makes: ClassVar[int] = 0
    """How many channels its array has; 0 is as many as the one before."""

    step: str

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        name = cls.model_fields["step"].default
        if isinstance(name, str):
            STEPS.add(name, cls)

    @property
    def on_flow_image(self) -> bool:
        """Whether a ready 8-bit flow image can stand for its result: where it needs no frame."""
        return type(self).apply is Step.apply

    def reads(self, clip: Clip, apex: ApexPolicy) -> tuple[int, ...]:  # noqa: ARG002
        """Return the numbers of the frames that the step reads of a clip, from 0.

        Asked only of steps that take frames.

        Args:
            clip: With frames.
            apex: Which frame the recipe takes as the apex.

        Raises:
            DataError: The clip lacks what the step needs.
        """
        return tuple(movement(clip, self.step)) if self.of_movement else ()

    def files(self, clip: Clip, numbers: tuple[int, ...]) -> tuple[Path, ...]:  # noqa: ARG002
        """Return the files that the step reads beside these frames of a clip.

        Asked only of steps for which no ready flow image can stand (`on_flow_image`).

        Raises:
            DataError: One of them is not there.
        """
        return ()

    def channels(self, before: int) -> int:
        """Return how many channels its array has, after one of `before` channels (0: frames)."""
        return self.makes or before

    def output_size(self, before: int | None) -> int | None:
        """Return height and width of its array; None where they are those of the frames.

        Args:
            before: The same of what it takes.

        Raises:
            ConfigError: The step cannot work on that size.
        """
        return getattr(self, "size", 0) or before

    def report(self, clip: Clip) -> object:  # noqa: ARG002
        """Return what a reader of results should know of one clip, as `str`; None for nothing."""
        return None

    def record(self) -> dict[str, object]:
        """Return what its numbers depend on: options and the versions of its code."""
        return {**self.model_dump(), "version": self.version}

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with what this step makes of it: the changed array, unless overridden.

        Raises:
            DataError: The clip lacks what the step needs, or a file is broken.
        """
        return replace(data, array=self.change(data.array))

    def change(self, array: Array) -> Array:
        """Return the array, ``(channels, height, width)``, changed."""
        raise NotImplementedError(f"{type(self).__name__} defines neither apply nor change")

    def flip(self, array: Array, kind: str) -> Array:
        """Return an array as a step gives it, seen in a flip; in flow, u changes its direction.

        Args:
            array: Shape ``(..., channels, height, width)``.
            kind: What it is, of the kinds that the step gives.
        """
        if kind == GRADIENTS:
            return array[..., ::-1] * _GRADIENTS_FLIPPED
        if "flow" in kind:
            return flip_flow(array, stretched=is_stretched(kind))
        return array[..., ::-1].copy()


STEPS: Registry[type[Step]] = Registry("recipe step", "openmer.preprocessing.steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a recipe does to one clip.

    Attributes:
        clip: The clip.
        paths: Files that are read: some of its frames, or its ready flow image.
        steps: Those that are carried out.
        apex: Which frame is the apex.
        channels: Of a ready flow image, how many count; 0 where frames are read.
        size: Height and width that a ready flow image is brought to; None leaves it.
        kind: What the first of the steps takes.
    """

    clip: Clip
    paths: tuple[Path, ...]
    steps: tuple[Step, ...]
    apex: ApexPolicy = "annotated-or-middle"
    channels: int = 0
    size: int | None = None
    kind: str = FRAMES

    def run(
        self, *, store: ArrayStore | None = None, frames: Frames | None = None
    ) -> NDArray[np.float32]:
        """Return the array of the clip.

        Args:
            store: Where found faces are kept and found again; None looks again.
            frames: Frames in memory, in place of the files that the clip names.

        Returns:
            float32, shape ``(channels, height, width)``; channels u, v and, with the step
            `strain`, strain; in pixels (strain unitless), or in 0..255 with the step `stretch`;
            then those of the apex frame with `append_apex`. Of the apex frame: red, green and blue
            in 0..255, not cut off where it is magnified. Of the dynamic image: red, green and blue,
            signed.

        Raises:
            DataError: The clip lacks what the recipe needs, a file is broken, or there is no face
                to align; a `StepError` that names the clip and the step.

        Warns:
            EmptyBandWarning: The step `magnify` changes nothing: see its `report`.
        """
        return self.data_after(self.steps, store=store, frames=frames).array

    def data_after(
        self,
        steps: Sequence[Step],
        *,
        store: ArrayStore | None = None,
        frames: Frames | None = None,
    ) -> ClipData:
        """Return the data after some first steps of the plan."""
        doing = "read"
        try:
            data = self._start(store, frames)
            for step in steps:
                doing = step.step
                data = replace(step.apply(data), kind=step.gives[data.kind])
        except (StepError, StoreError):
            raise
        except DataError as error:
            raise StepError(self.clip.key, doing, str(error)) from error
        return data

    def _start(self, store: ArrayStore | None, frames: Frames | None) -> ClipData:
        """Return the data before the first step: frames that are read later, or a flow image."""
        files = frames or FrameFiles(self.clip)
        in_colour = any(step.in_colour for step in self.steps)
        read = files.colours if in_colour else files.gray
        sequence = FrameSequence(
            clip=files.clip,
            places=tuple(map(float, range(len(files.clip.frame_paths)))),
            fps=files.clip.fps,
            images=lambda numbers: map(read, numbers),
        )
        data = ClipData(
            self.clip, files, sequence, sequence, apex=self.apex, store=store, kind=self.kind
        )
        if not self.channels:
            return data
        image = read_rgb(self.paths[0])[: self.channels]
        if self.size is not None and image.shape[1:] != (self.size, self.size):
            image = resize_image(image, self.size)
        return replace(data, array=image)


def is_stretched(kind: str) -> bool:
    """Return whether values of a kind are in the 8-bit form in 0..255."""
    return kind.startswith("stretched ")
