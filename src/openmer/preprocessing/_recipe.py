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
aligned, magnified and interpolated before the flow, and the apex frame itself or the dynamic image
can take its place:

    [[recipe]]
    step = "align"      # as a paper states it; one transform for the whole clip
    style = "dense-attention"
    [[recipe]]
    step = "magnify"
    alpha = 15
    band_hz = [0.1, 0.4]
    [[recipe]]
    step = "apex_frame" # red, green, blue in 0..255

A recipe of flow may end with the step `append_apex`, the same three planes behind those of flow, or
with `depth`, the change of depth frames that lie beside the frames.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing._failures import StepError
from openmer.preprocessing._frame_sequence import Frames
from openmer.preprocessing._recipe_rules import lacking, read_step, refused
from openmer.preprocessing.faces._detect import ArrayStore, face_detector
from openmer.preprocessing.flow._flow import flow_method
from openmer.preprocessing.steps._step import (
    ALL_FRAMES,
    GRADIENTS,
    RECOVERED_FLOW,
    STEPS,
    ApexPolicy,
    Plan,
    Step,
    is_stretched,
)
from openmer.preprocessing.steps.align import AlignStep
from openmer.preprocessing.steps.apex_frame import ApexFrameStep
from openmer.preprocessing.steps.flow import FlowStep
from openmer.preprocessing.steps.flow_series import FlowSeriesStep

S = TypeVar("S", bound=Step)


@dataclass(frozen=True)
class Recipe:
    """Steps in their order, from a clip to an array.

    Frames are read, aligned, magnified and interpolated; then one step makes an array of them, the
    flow, the apex frame or the dynamic image; the others work on that array. Each step comes at
    most once. A clip with a ready 8-bit flow image enters after the step `stretch`: what stands
    before it is skipped, the image is only resized where its size is another one. A ready image is
    used before frames where a clip has both, but never by a recipe that changes the frames or
    chooses the apex in its own way.

    Attributes:
        steps: The steps.

    Raises:
        ConfigError: The order of the steps makes no sense, or a flow method or face detector is not
            known.
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        kinds = self.kinds
        if not kinds or kinds[-1] in ALL_FRAMES:
            raise ConfigError(
                f"The recipe makes no array of its frames: found {self._names or 'no step at all'}."
                " Add the step 'flow', 'apex_frame' or 'dynamic_image'."
            )
        _ = self.size, self.channels
        if self.flow is not None:
            flow_method(self.flow.method)
        if self.align is not None:
            face_detector(self.align.detector)
            if self.align.locked_at == "apex" and self.apex == "flow":
                raise ConfigError(
                    "The step 'align' is locked at the apex, but with apex = \"flow\" the apex is "
                    'looked for on aligned frames. Set locked_at = "onset", or another apex.'
                )

    @classmethod
    def from_tables(cls, tables: Iterable[Mapping[str, object]]) -> Recipe:
        """Read the recipe that a method file's `[[recipe]]` tables describe.

        Raises:
            ConfigError: A step or one of its keys is not known (the nearest is suggested), a value
                is wrong, or the order makes no sense.
        """
        return cls(tuple(read_step(i, table, STEPS) for i, table in enumerate(tables, start=1)))

    @property
    def tables(self) -> list[dict[str, object]]:
        """The steps with all their options, as `from_tables` reads them."""
        return [step.model_dump() for step in self.steps]

    @property
    def kinds(self) -> tuple[str, ...]:
        """What each step gives.

        Raises:
            ConfigError: A step does not take what the step before it gives, or comes twice.
        """
        given, kinds = ALL_FRAMES[0], []
        for place, step in enumerate(self.steps):
            if step.step in [before.step for before in self.steps[:place]]:
                raise ConfigError(f"The recipe has the step {step.step!r} twice. Keep one of them.")
            if given not in step.gives:
                before = repr(self.steps[place - 1].step) if place else "nothing"
                needed = " or ".join(dict.fromkeys(step.gives))
                raise ConfigError(
                    f"The step {step.step!r} cannot stand after {before}, which gives {given}: it "
                    f"needs {needed}. Put the steps in another order, or leave one of them out."
                )
            given = step.gives[given]
            kinds.append(given)
        return tuple(kinds)

    def find(self, kind: type[S]) -> S | None:
        """Return the step of a kind; None where the recipe has none."""
        return next((step for step in self.steps if isinstance(step, kind)), None)

    @property
    def align(self) -> AlignStep | None:
        """The step `align`; None in a recipe that takes frames as they are."""
        return self.find(AlignStep)

    @property
    def source(self) -> Step:
        """The step that makes the first array of a clip: flow, apex frame or dynamic image."""
        made = zip(self.steps, self.kinds, strict=True)
        return next(step for step, kind in made if kind not in ALL_FRAMES)

    @property
    def apex(self) -> ApexPolicy:
        """Which frame is the apex."""
        policy: ApexPolicy = getattr(self.source, "apex", "annotated-or-middle")
        return policy

    @property
    def flow(self) -> FlowStep | FlowSeriesStep | None:
        """The step that measures flow, `flow` or `flow_series`; None in a recipe of images."""
        return self.find(FlowStep) or self.find(FlowSeriesStep)

    @property
    def channels(self) -> int:
        """Channels of the array: those of flow, then red, green and blue where it has an image."""
        return self._channels[-1]

    @property
    def flow_channels(self) -> int:
        """How many of the first channels are flow: 2 for u and v, 3 with strain, or none."""
        counted = zip(self._channels, self.kinds, strict=True)
        counts = (count for count, kind in counted if kind.endswith("flow"))
        return 0 if self.kinds[-1] == GRADIENTS else max(counts, default=0)

    @property
    def _channels(self) -> list[int]:
        counts = [0]
        for step in self.steps:
            counts.append(step.channels(counts[-1]))
        return counts[1:]

    @property
    def size(self) -> int | None:
        """Height and width of the array; None where they are those of the frames."""
        return _size(self.steps)

    @property
    def stretched(self) -> bool:
        """Whether values are flow in the 8-bit form in 0..255, not of true magnitude in pixels."""
        return is_stretched(self.kinds[-1])

    @property
    def recovered(self) -> bool:
        """Whether values are flow without a unit, as the step `recover` gives it."""
        return self.kinds[-1] == RECOVERED_FLOW

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of the steps, their options and the versions of their code."""
        record = [step.record() for step in self.steps]
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def __str__(self) -> str:
        return "\n".join(
            " ".join(
                [step.step, *(f"{k}={v}" for k, v in step.model_dump(exclude={"step"}).items())]
            )
            for step in self.steps
        )

    def plan(self, clip: Clip) -> Plan:
        """Return what the recipe does to a clip: files, frames and steps; nothing is read.

        Raises:
            DataError: The clip has nothing this recipe can start from; a `StepError` at "input".
        """
        if clip.flow_path is None and clip.frame_paths:
            return self._plan_of_frames(clip)
        if clip.flow_path is not None and self._flow_image_at and not self._on_files:
            return self._plan_of_image(clip, clip.flow_path, self._flow_image_at)
        if clip.frame_paths:
            return self._plan_of_frames(clip)
        raise StepError(clip.key, "input", lacking(clip, self._on_files))

    def inputs(self, clip: Clip) -> tuple[Path, ...]:
        """Return the files the recipe reads of a clip: some frames, or one ready flow image.

        Raises:
            DataError: As `plan`.
        """
        return self.plan(clip).paths

    def run(
        self, clip: Clip, *, store: ArrayStore | None = None, frames: Frames | None = None
    ) -> NDArray[np.float32]:
        """Return the array of a clip.

        Args:
            clip: With the frames, or the ready flow image, that `inputs` names.
            store: Where found faces are kept and found again; None looks again.
            frames: Frames in memory, in place of the files that the clip names.

        Returns:
            As `Plan.run`.

        Raises:
            DataError: As `plan` and `Plan.run`.
        """
        return self.plan(clip).run(store=store, frames=frames)

    def frame_numbers(self, clip: Clip, *, store: ArrayStore | None = None) -> tuple[int, ...]:
        """Return the frames that the first array is made of, from 0: onset and apex, for instance.

        Args:
            clip: With frames.
            store: As in `run`.

        Returns:
            Empty where the recipe starts from a ready flow image.

        Raises:
            DataError: As `run`.
        """
        plan = self.plan(clip)
        if plan.channels:
            return ()
        if self.apex != "flow":
            return self.source.reads(clip, self.apex)
        source = self.steps.index(self.source)
        return plan.data_after(self.steps[: source + 1], store=store).numbers

    def reports(self, clip: Clip, *, store: ArrayStore | None = None) -> dict[str, str]:
        """Say what a reader of results should know of one clip, in a sentence by step.

        Args:
            clip: With frames.
            store: As in `run`.

        Returns:
            By the name of the step: which frames were taken and by which policy, and what the band
            of `magnify` really does to a clip of this length.

        Raises:
            DataError: As `run`.
        """
        numbers = self.frame_numbers(clip, store=store)
        found = {step.step: step.report(clip) for step in self.steps}
        said = {name: str(report) for name, report in found.items() if report is not None}
        if numbers and hasattr(self.source, "apex"):
            how: str = self.apex
            if how == "annotated-or-middle":
                how = "middle" if clip.apex is None else "annotated"
            said[self.source.step] = f"The apex is frame {numbers[-1]}, counted from 0 ({how})."
        return said

    def run_image(
        self,
        image_rgb: NDArray[np.generic],
        *,
        store: ArrayStore | None = None,
        cropped: bool = False,
    ) -> NDArray[np.float32]:
        """Prepare one image, for instance a macro-expression, by the way of the apex frames.

        It has no time: what magnifies or interpolates is left out.

        Args:
            image_rgb: As `images` in `openmer.preprocessing.detect_faces`.
            store: As in `run`.
            cropped: It is a face and little else: none is looked for.

        Returns:
            As `run`, of a recipe with the step `apex_frame`.

        Raises:
            ConfigError: The recipe makes its array of several frames.
            DataError: There is no face to align.
        """
        source = self.find(ApexFrameStep)
        if source is None:
            raise ConfigError(
                f"An image has no motion for the step {self.source.step!r}. Give a recipe with the "
                "step 'apex_frame'."
            )
        image = image_rgb.astype(np.float32)
        if self.align is not None:
            image = self.align.find(image, store, cropped=cropped).apply(image)
        return source.planes(image)

    def flipped(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an array of this recipe as seen in a flip; in flow, u changes its direction.

        Args:
            array: Shape ``(..., channels, height, width)``.
        """
        return self.steps[-1].flip(array, self.kinds[-1])

    def _plan_of_frames(self, clip: Clip) -> Plan:
        """Plan all steps on the frames of a clip."""
        apex = self.apex
        on_frames = [step for step in self.steps if not step.gives.keys().isdisjoint(ALL_FRAMES)]
        try:
            read = {step.step: step.reads(clip, apex) for step in on_frames}
            taken = read[self.source.step]
            beside = [path for step in self._on_files for path in step.files(clip, taken)]
        except DataError as error:
            raise StepError(clip.key, "input", refused(clip, self._names, error)) from error
        numbers = dict.fromkeys(itertools.chain.from_iterable(read.values()))
        paths = (*(clip.frame_paths[number] for number in numbers), *beside)
        return Plan(clip=clip, paths=paths, steps=self.steps, apex=apex)

    def _plan_of_image(self, clip: Clip, path: Path, start: int) -> Plan:
        """Plan to enter with a ready flow image at a step."""
        return Plan(
            clip=clip,
            paths=(path,),
            steps=self.steps[start:],
            channels=self._channels[start - 1],
            size=_size(self.steps[:start]),
            kind=self.kinds[start - 1],
        )

    @cached_property
    def _on_files(self) -> tuple[Step, ...]:
        """The steps that need the files of a clip: a ready flow image cannot stand for them."""
        return tuple(step for step in self.steps if not step.on_flow_image)

    @property
    def _flow_image_at(self) -> int:
        """Number of the step before which a ready flow image enters; 0 where it cannot."""
        places = (i for i, kind in enumerate(self.kinds, start=1) if is_stretched(kind))
        return next(places, 0)

    @property
    def _names(self) -> str:
        return ", ".join(step.step for step in self.steps)


def list_steps() -> tuple[str, ...]:
    """List the names of all steps, sorted."""
    return tuple(STEPS.names())


def _size(steps: Iterable[Step]) -> int | None:
    size = None
    for step in steps:
        size = step.output_size(size)
    return size
