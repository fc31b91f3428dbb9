"""What a recipe does to one clip, settled before anything is read; and one loop that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing._failures import StepError, StoreError
from openmer.preprocessing._frame_sequence import FrameFiles, Frames, read_frames
from openmer.preprocessing._frames import read_rgb
from openmer.preprocessing.faces._detect import ArrayStore
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._step import FRAMES, ApexPolicy, ClipData, Step


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
        """Return the data after some first steps of the plan.

        Raises:
            DataError: As `run`.
        """
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
        sequence = read_frames(files, gray=not any(step.in_colour for step in self.steps))
        data = ClipData(
            self.clip, files, sequence, sequence, apex=self.apex, store=store, kind=self.kind
        )
        if not self.channels:
            return data
        image = read_rgb(self.paths[0])[: self.channels]
        if self.size is not None and image.shape[1:] != (self.size, self.size):
            image = resize_image(image, self.size)
        return replace(data, array=image)
