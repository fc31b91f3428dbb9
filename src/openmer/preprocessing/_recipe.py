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

A recipe of flow may end with the step `append_apex`: the same three planes behind those of flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing._failures import step_of
from openmer.preprocessing._frame_sequence import Film, FrameFiles, Frames, movement, read_film
from openmer.preprocessing._frames import read_rgb
from openmer.preprocessing._recipe_rules import check_order, fingerprint_of, last_size, read_step
from openmer.preprocessing._steps_array import (
    ArrayStep,
    AverageStep,
    ClipStep,
    ResizeStep,
    Source,
    Step,
    StrainStep,
    StretchStep,
)
from openmer.preprocessing._steps_clip import AlignStep, InterpolateStep, MagnifyStep
from openmer.preprocessing._steps_source import (
    ApexFrameStep,
    AppendApexStep,
    DynamicImageStep,
    FlowStep,
)
from openmer.preprocessing.faces._detect import ArrayStore, face_detector
from openmer.preprocessing.flow._flow import flow_method
from openmer.preprocessing.flow._resample import flip_flow, resize_image

_STEPS: dict[str, type[Step]] = {
    "align": AlignStep,
    "magnify": MagnifyStep,
    "interpolate": InterpolateStep,
    "flow": FlowStep,
    "apex_frame": ApexFrameStep,
    "dynamic_image": DynamicImageStep,
    "strain": StrainStep,
    "resize": ResizeStep,
    "stretch": StretchStep,
    "average": AverageStep,
    "append_apex": AppendApexStep,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps in their order, from a clip to an array.

    Frames are read, aligned, magnified and interpolated; then one step makes an array of them, the
    flow, the apex frame or the dynamic image; the others work on that array. Each step comes at
    most once. A clip with a ready 8-bit flow image enters after the step `stretch`: what stands
    before it is skipped, the image is only resized where its size is another one. A ready image is
    used before frames where a clip has both, but never by a recipe that changes the frames or
    chooses the apex in its own way.

    Raises:
        ConfigError: The order of the steps makes no sense, or a flow method or face detector is not
            known.
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        check_order(self.steps)
        if self.flow is not None:
            flow_method(self.flow.method)
        if self.align is not None:
            face_detector(self.align.detector)
            if self.align.locked_at == "apex" and self.source.apex == "flow":
                raise ConfigError(
                    "The step 'align' is locked at the apex, but with apex = \"flow\" the apex is "
                    'looked for on aligned frames. Set locked_at = "onset", or another apex.'
                )

    @classmethod
    def from_tables(cls, tables: Iterable[Mapping[str, object]]) -> Recipe:
        """The recipe that a method file's `[[recipe]]` tables describe.

        Raises:
            ConfigError: A step or one of its keys is not known (the nearest is suggested), a value
                is wrong, or the order makes no sense.
        """
        numbered = enumerate(tables, start=1)
        return cls(tuple(read_step(number, table, _STEPS) for number, table in numbered))

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
    def on_clip(self) -> tuple[ClipStep, ...]:
        """The steps `magnify` and `interpolate`, as far as the recipe has them."""
        return tuple(step for step in self.steps if isinstance(step, ClipStep))

    @property
    def source(self) -> Source:
        """The step that makes the first array of a clip: flow, apex frame or dynamic image."""
        return next(step for step in self.steps if isinstance(step, Source))

    @property
    def flow(self) -> FlowStep | None:
        """The step `flow`; None in a recipe of images."""
        return self.source if isinstance(self.source, FlowStep) else None

    @property
    def channels(self) -> int:
        """Channels of the array: those of flow, then red, green and blue where it has an image."""
        return self.flow_channels + 3 * (self.flow is None or self._appended is not None)

    @property
    def flow_channels(self) -> int:
        """How many of the first channels are flow: 2 for u and v, 3 with strain, or none."""
        return 0 if self.flow is None else 2 + (self._place("strain") is not None)

    @property
    def size(self) -> int | None:
        """Height and width of the array; None where they are those of the frames."""
        return last_size(self.steps)

    @property
    def stretched(self) -> bool:
        """Whether values are flow in the 8-bit form in 0..255, not of true magnitude in pixels."""
        return self._place("stretch") is not None

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of the steps, their options and the versions of their code."""
        return fingerprint_of(self.steps)

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
        if clip.flow_path is not None and self._starts_from_flow_image(clip):
            return (clip.flow_path,)
        if clip.frame_paths:
            return tuple(clip.frame_paths[number] for number in self._numbers_read(clip))
        if clip.flow_path is None:
            raise DataError(f"{clip.key} has neither frames nor a flow image. Give it one of them.")
        if self._needs_frames is not None:
            raise DataError(
                f"{clip.key} has only a ready flow image, but the recipe has the step "
                f"{self._needs_frames!r}, which needs frames. Give the frames."
            )
        raise DataError(
            f"{clip.key} has only a ready 8-bit flow image, in which the true magnitude is "
            "lost, but the recipe has no step 'stretch'. Add that step or give the frames."
        )

    def frame_numbers(self, clip: Clip, *, store: ArrayStore | None = None) -> tuple[int, ...]:
        """The frames that the array is made of, from 0: onset and apex, apex, or onset to offset.

        With ``apex = "flow"`` the apex is looked for, which reads and aligns all frames.

        Args:
            clip: With frames.
            store: As in `run`.

        Returns:
            Empty where the recipe starts from a ready flow image.

        Raises:
            DataError: As `run`.
        """
        with step_of(clip.key, "input"):
            self.inputs(clip)
        if self._starts_from_flow_image(clip):
            return ()
        return self._taken(clip, self._film(clip, store))

    def reports(self, clip: Clip, *, store: ArrayStore | None = None) -> dict[str, str]:
        """What a reader of results should know of one clip, in a sentence for each step concerned.

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
        magnified = [step for step in self.on_clip if isinstance(step, MagnifyStep)]
        told: dict[str, str] = {step.step: str(step.report(clip)) for step in magnified}
        if numbers and not isinstance(self.source, DynamicImageStep):
            how: str = self.source.apex
            if how == "annotated-or-middle":
                how = "middle" if clip.apex is None else "annotated"
            told[self.source.step] = f"The apex is frame {numbers[-1]}, counted from 0 ({how})."
        return told

    def run(
        self, clip: Clip, *, store: ArrayStore | None = None, frames: Frames | None = None
    ) -> NDArray[np.float32]:
        """The array of a clip.

        Args:
            clip: With the frames, or the ready flow image, that `inputs` names.
            store: Where found faces are kept and found again; None looks anew.
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
            EmptyBandWarning: The step `magnify` changes nothing: see `reports`.
        """
        with step_of(clip.key, "input"):
            paths = self.inputs(clip)
        if self._starts_from_flow_image(clip):
            with step_of(clip.key, "read"):
                return self._from_flow_image(paths[0])
        film = self._film(clip, store, frames)
        numbers = self._taken(clip, film)
        for step in self.on_clip:
            with step_of(clip.key, step.step):
                film = step.apply(film)
        with step_of(clip.key, self.source.step):
            array = self.source.apply(film, numbers)
        array = self._apply(self.steps[self.steps.index(self.source) + 1 :], array)
        return array if self._appended is None else self._appended.apply(array, film, numbers)

    def run_still(
        self, image_rgb: NDArray[np.generic], *, store: ArrayStore | None = None
    ) -> NDArray[np.float32]:
        """A still, for instance a macro-expression, by the way of the apex frames.

        It has no time: what magnifies or interpolates is left out.

        Args:
            image_rgb: As `images` in `openmer.preprocessing.detect_faces`.
            store: As in `run`.

        Returns:
            As `run`, of a recipe with the step `apex_frame`.

        Raises:
            ConfigError: The recipe makes its array of several frames.
            DataError: There is no face to align.
        """
        if not isinstance(self.source, ApexFrameStep):
            raise ConfigError(
                f"A still has no motion for the step {self.source.step!r}. Give a recipe with the "
                "step 'apex_frame'."
            )
        image = image_rgb.astype(np.float32)
        if self.align is not None:
            image = self.align.find(image, store).apply(image)
        return self.source.planes(image)

    def flipped(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """An array of this recipe as seen in a flip; in flow, u changes its direction.

        Args:
            array: Shape ``(..., channels, height, width)``.
        """
        if self.flow is None:
            return array[..., ::-1].copy()
        return flip_flow(array, stretched=self.stretched)

    @property
    def _appended(self) -> AppendApexStep | None:
        return self.steps[-1] if isinstance(self.steps[-1], AppendApexStep) else None

    @property
    def _needs_frames(self) -> str | None:
        """The first step for which a ready flow image will not do; None where there is none."""
        for step in self.steps:
            if not isinstance(step, FlowStep | ArrayStep):
                return step.step
            if isinstance(step, FlowStep) and step.apex != "annotated-or-middle":
                return step.step
        return None

    def _starts_from_flow_image(self, clip: Clip) -> bool:
        return clip.flow_path is not None and self.stretched and self._needs_frames is None

    def _numbers_read(self, clip: Clip) -> tuple[int, ...]:
        """Numbers of all frames that are read, each once."""
        numbers: list[int] = []
        if self.align is not None:
            numbers.append(self.align.frame_number(clip, self.source.apex))
        for step in self.on_clip:
            numbers += step.frame_numbers(clip)
        if self.source.apex == "flow":
            numbers += movement(clip, self.source.step)
        else:
            numbers += self.source.frame_numbers(clip)
        return tuple(dict.fromkeys(numbers))

    def _taken(self, clip: Clip, film: Film) -> tuple[int, ...]:
        """The frames that the source takes; `film` is aligned and not yet magnified."""
        with step_of(clip.key, self.source.step if self.source.apex == "flow" else "input"):
            return self.source.frame_numbers(clip, film)

    def _film(self, clip: Clip, store: ArrayStore | None, frames: Frames | None = None) -> Film:
        """The frames of a clip, aligned; each is read when it is asked for, and only once."""
        files = frames or FrameFiles(clip)
        alignment = None
        if self.align is not None:
            with step_of(clip.key, "read"):
                number = self.align.frame_number(clip, self.source.apex)
                reference = files.colours(number)
            with step_of(clip.key, "align"):
                alignment = self.align.find(reference, store)
        gray = self.flow is not None and self._appended is None
        return read_film(files, gray=gray, alignment=alignment)

    def _from_flow_image(self, path: Path) -> NDArray[np.float32]:
        """The steps after `stretch`, on a ready flow image."""
        after = (self._place("stretch") or 0) + 1
        image = read_rgb(path)[: self.channels]
        size = last_size(self.steps[:after])
        if size is not None and image.shape[1:] != (size, size):
            image = resize_image(image, size)
        return self._apply(self.steps[after:], image)

    def _apply(self, steps: tuple[Step, ...], array: NDArray[np.float32]) -> NDArray[np.float32]:
        for step in steps:
            if isinstance(step, ArrayStep):
                array = step.apply(array)
        return array

    def _place(self, name: str) -> int | None:
        """Where in the recipe a step stands, from 0; None where it is not in it."""
        return next((i for i, step in enumerate(self.steps) if step.step == name), None)


def list_steps() -> tuple[str, ...]:
    """Names of all steps, in the order in which a recipe usually has them."""
    return tuple(_STEPS)
