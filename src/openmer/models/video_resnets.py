"""R3D-18 and R(2+1)D-18, residual networks whose convolutions see time, too."""

from __future__ import annotations

from torch import Tensor, nn

from openmer.models._clips import as_frames, frame_count
from openmer.models._registry import register_model


@register_model("r3d_18")
class R3d18(nn.Module):
    """Clips ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    A 3x7x7 convolution that halves height and width; four groups of two residual blocks of two
    3x3x3 convolutions, of 64, 128, 256 and 512 maps, of which the last three halve time, height and
    width; means over all places; one linear layer.

    Args:
        in_channels: `planes` for each frame, one frame after the other.
        num_classes: Classes.
        size: Input height and width in pixels; 112 in the paper.
        planes: 1 for gray frames, 2 for u and v; 3 in the paper, whose clips are in colour.
        width: Times the maps of the paper.

    Raises:
        ConfigError: Channels are no multiple of `planes`.

    References:
        Tran, Wang, Torresani, Ray, LeCun, Paluri (2018), A Closer Look at Spatiotemporal
        Convolutions for Action Recognition, CVPR, table 1.

    Differences:
        None known in the network. The paper trains on actions in 16 frames of 112 pixels.
    """

    factored = False

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 112,  # noqa: ARG002 - every size fits
        planes: int = 1,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        frame_count(type(self).__name__, in_channels, planes)
        self.planes = planes
        maps = [round(width * count) for count in (64, 64, 128, 256, 512)]
        self.stem = self._stem(planes, maps[0], round(45 * width))
        pairs = zip(maps, maps[1:], (1, 2, 2, 2), strict=False)
        self.groups = nn.Sequential(
            *(
                nn.Sequential(
                    _Block(before, after, stride, factored=self.factored),
                    _Block(after, after, 1, factored=self.factored),
                )
                for before, after, stride in pairs
            )
        )
        self.head = nn.Linear(maps[-1], num_classes)

    def _stem(self, planes: int, after: int, between: int) -> nn.Sequential:
        if not self.factored:
            return _normed(planes, after, (3, 7, 7), (1, 2, 2))
        flat = _normed(planes, between, (1, 7, 7), (1, 2, 2))
        return nn.Sequential(*flat, *_normed(between, after, (3, 1, 1), (1, 1, 1)))

    def features(self, clips: Tensor) -> Tensor:
        """Return the means of the last maps, ``(batch, 512)``, which `head` reads."""
        frames = as_frames(clips, self.planes).transpose(1, 2)
        found: Tensor = self.groups(self.stem(frames)).mean((2, 3, 4))
        return found

    def forward(self, clips: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of clips ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(clips))
        return logits


@register_model("r2plus1d_18")
class R2Plus1d18(R3d18):
    """R3D-18 with each convolution in two: over height and width, then over time.

    Between them lie as many maps as make the parameters of both those of the whole one. Arguments
    as of `R3d18`.

    References:
        As of `R3d18`, section 3.5.

    Differences:
        As of `R3d18`.
    """

    factored = True


class _Block(nn.Module):
    """Two convolutions, normalised, added to what they read."""

    def __init__(self, before: int, after: int, stride: int, *, factored: bool) -> None:
        super().__init__()
        between = before * after * 27 // (9 * before + 3 * after) if factored else 0
        last = after * after * 27 // (9 * after + 3 * after) if factored else 0
        self.body = nn.Sequential(
            *_convolution(before, after, stride, between),
            nn.BatchNorm3d(after),
            nn.ReLU(),
            *_convolution(after, after, 1, between and last),
            nn.BatchNorm3d(after),
        )
        self.skip: nn.Module = nn.Identity()
        if stride > 1:
            strides = (stride, stride, stride)
            self.skip = _normed(before, after, (1, 1, 1), strides)[:2]
        self.end = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.end(self.body(maps) + self.skip(maps))
        return found


def _convolution(before: int, after: int, stride: int, between: int) -> list[nn.Module]:
    """Return a 3x3x3 convolution, or with maps between the two that stand for it."""
    if not between:
        return [nn.Conv3d(before, after, 3, stride, 1, bias=False)]
    flat = _normed(before, between, (1, 3, 3), (1, stride, stride))
    return [*flat, _normed(between, after, (3, 1, 1), (stride, 1, 1))[0]]


def _normed(
    before: int, after: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    convolution = nn.Conv3d(before, after, kernel, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(after), nn.ReLU())
