"""Some frames of a clip, magnified from one weighted sum of all frames each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmer.errors import DataError
from openmer.preprocessing.magnification._filtering import frames_per_piece
from openmer.preprocessing.magnification._settings import Look, MagnifySettings, look_for


@final
class FrameSums:
    """The frames wanted of a clip that comes in pieces, and a weighted sum of all for each."""

    def __init__(
        self,
        weights: NDArray[np.float64],
        wanted: Sequence[int],
        alpha: float,
        settings: MagnifySettings,
    ) -> None:
        self.seen = 0
        self._weights, self._wanted = weights, wanted
        self._alpha, self._settings = alpha, settings
        self._look: Look | None = None

    def add(self, piece: Tensor) -> None:
        """Take in the next frames."""
        if self._look is None:
            self._look = look_for(piece, self._alpha, self._settings)
            self._first = self._look.source(piece[:1])[0].clone()
            self._frames = piece.new_empty(len(self._wanted), *self._look.shown(piece).shape[1:])
            self._sums = piece.new_zeros(len(self._wanted), *self._first.shape)
            self._shape = piece.shape[1:]
        if piece.shape[1:] != self._shape:
            raise DataError(
                f"Found a piece with frames of shape {tuple(piece.shape[1:])} after frames of "
                f"shape {tuple(self._shape)}; give pieces of one clip."
            )
        if self.seen + len(piece) > self._weights.shape[1]:
            raise DataError(
                f"Found more than {self._weights.shape[1]} frames; give the number of all frames."
            )
        away = self._look.source(piece) - self._first
        for number, image in enumerate(away, start=self.seen):
            # Not a matrix product, whose last bit may depend on the number of threads.
            for place in map(int, np.flatnonzero(self._weights[:, number])):
                self._sums[place].add_(image, alpha=float(self._weights[place, number]))
        for place, wanted in enumerate(self._wanted):
            if self.seen <= wanted < self.seen + len(piece):
                self._frames[place] = self._look.shown(piece)[wanted - self.seen]
        self.seen += len(piece)

    def result(self) -> Tensor:
        """Return the frames wanted, magnified."""
        look = self._look
        if look is not None and look.gain.weights:
            step = frames_per_piece(self._frames)
            for target, part in zip(
                torch.split(self._frames, step), torch.split(self._sums, step), strict=True
            ):
                target.add_(look.large(look.small(part), target))
        return self._frames.clamp_(0, 1) if self._settings.clip else self._frames
