"""What every augmentation is, and the random numbers that it draws.

Drawing and applying are two things: what is drawn is one tensor per augmentation, the first axis of
which are the samples. **Zeros change nothing.**
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from openmer.registry import Registry


class Planes(BaseModel):
    """What the channels of an input are: first those of flow, then those of an image.

    Attributes:
        flow: How many of them are flow: u, v and perhaps strain.
        stretched: Whether flow is in its 8-bit form, in which u and its flipped image add up to
            255.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flow: int = 0
    stretched: bool = False


class Draws:
    """The random numbers of some samples, of a NumPy or a PyTorch generator.

    Args:
        generator: Where numbers come from; tensors lie on the device of a PyTorch generator.
        count: How many samples.
        columns: Even numbers in 0..1 drawn before, ``(count, numbers)``, which `uniform` hands out
            from left to right. Then what one augmentation gets does not depend on the others.
    """

    def __init__(
        self,
        generator: np.random.Generator | torch.Generator,
        count: int,
        columns: Tensor | None = None,
    ) -> None:
        self.count = count
        self._generator, self._columns, self._used = generator, columns, 0

    def uniform(self, *shape: int) -> Tensor:
        """Draw even numbers in 0..1, ``(count, *shape)``; of columns, the next ones."""
        if self._columns is not None and len(shape) == 1:
            self._used += shape[0]
            return self._columns[:, self._used - shape[0] : self._used]
        size, source = (self.count, *shape), self._generator
        if isinstance(source, np.random.Generator):
            return torch.from_numpy(source.random(size))
        return torch.rand(size, generator=source, device=source.device)

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, float32, ``(count, *shape)``."""
        size, source = (self.count, *shape), self._generator
        if isinstance(source, np.random.Generator):
            return torch.from_numpy(source.standard_normal(size, dtype=np.float32))
        return torch.randn(size, generator=source, device=source.device)

    def integers(self, low: int, high: int) -> Tensor:
        """Draw a whole number in ``low..high - 1`` for each sample."""
        source = self._generator
        if isinstance(source, np.random.Generator):
            return torch.from_numpy(source.integers(low, high, self.count))
        return torch.randint(low, high, (self.count,), generator=source, device=source.device)


class Augmentation(BaseModel):
    """A random change of a batch of images and flow; a subclass with a name registers itself.

    Its fields are its options. `sample` draws numbers, and `apply` changes a batch by them.

    Example:
        class Darker(openmer.Augmentation):
            name = "darker"
            numbers = 1
            most: float = 20.0

            def sample(self, draws, shape):
                return draws.uniform(1) * self.most

            def apply(self, batch, parameters, channels):
                flow, image = batch[:, : channels.flow], batch[:, channels.flow :]
                darker = (image - parameters[..., None, None]).clamp_min(0)
                return torch.cat([flow, darker], dim=1)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str] = ""
    """Its name in the registry."""
    numbers: ClassVar[int] = 0
    """How many columns of even numbers it draws for each sample."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)  # type: ignore[arg-type]
        if "name" in vars(cls):
            AUGMENTATIONS.add(cls.name, cls)

    def sample(self, draws: Draws, shape: tuple[int, int, int]) -> Tensor:
        """Draw the parameters of some samples, ``(samples, ...)``; zeros change nothing.

        Args:
            draws: Their random numbers.
            shape: ``(channels, height, width)`` of one sample.
        """
        raise NotImplementedError

    def apply(self, batch: Tensor, parameters: Tensor, channels: Planes) -> Tensor:
        """Return a batch changed as drawn.

        Args:
            batch: ``(samples, channels, height, width)``.
            parameters: What `sample` gave for them, on the device of the batch.
            channels: What the channels are.
        """
        raise NotImplementedError


AUGMENTATIONS: Registry[type[Augmentation]] = Registry("augmentation", "openmer.augmentation")


def sample_all(
    augmentations: Sequence[Augmentation], draws: Draws, shape: tuple[int, int, int]
) -> list[Tensor]:
    """Draw the parameters of each augmentation, in their order."""
    return [augmentation.sample(draws, shape) for augmentation in augmentations]


def apply_all(
    augmentations: Sequence[Augmentation],
    batch: Tensor,
    parameters: Sequence[Tensor],
    channels: Planes,
) -> Tensor:
    """Return a batch after each augmentation, in their order; arguments as in `apply`."""
    for augmentation, own in zip(augmentations, parameters, strict=True):
        batch = augmentation.apply(batch, own.to(batch.device), channels)
    return batch


def on_image(batch: Tensor, channels: Planes) -> tuple[Tensor, Tensor]:
    """Split a batch into its channels of flow and those of an image."""
    return batch[:, : channels.flow], batch[:, channels.flow :]


def signed(uniform: Tensor) -> Tensor:
    """Bring even numbers in 0..1 to -1..1."""
    return 2 * uniform - 1


def column(values: Tensor) -> Tensor:
    """Lay out one value per sample against ``(samples, channels, height, width)``."""
    return values.view(-1, 1, 1, 1)
