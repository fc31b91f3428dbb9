"""What the models of clips have in common: how the frames lie in the channels of an input."""

from __future__ import annotations

from torch import Tensor

from openmer.errors import ConfigError


def frame_count(title: str, in_channels: int, planes: int) -> int:
    """Return the frames of an input whose channels are the planes of one frame after the other.

    Raises:
        ConfigError: Channels are no multiple of the planes.
    """
    if planes < 1 or in_channels % planes:
        raise ConfigError(
            f"{title} reads frames of {planes} plane(s), found {in_channels} channels. Give planes "
            "= 1 with the step 'frame_series', planes = 2 with 'flow_series'."
        )
    return in_channels // planes


def as_frames(inputs: Tensor, planes: int) -> Tensor:
    """Return ``(batch, frames * planes, h, w)`` as ``(batch, frames, planes, h, w)``."""
    return inputs.reshape(len(inputs), -1, planes, *inputs.shape[2:])
