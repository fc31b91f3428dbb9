"""ELRCN and CNN-LSTM: a network of images on each frame, then a recurrent one over the frames."""

from __future__ import annotations

from torch import Tensor, nn

from openmer.models._clips import as_frames, frame_count
from openmer.models._registry import register_model
from openmer.models._timm import NamedBackbone


class _OverFrames(nn.Module):
    """What both have: features of each frame, two LSTMs, the last moment's state."""

    def __init__(self, planes: int, features: int, first: int, last: int) -> None:
        super().__init__()
        self.planes = planes
        self.first = nn.LSTM(features, first, batch_first=True)
        self.last = nn.LSTM(first, last, batch_first=True)
        self.head: nn.Module = nn.Identity()

    def frame_features(self, frames: Tensor) -> Tensor:
        """Return features of ``(frames of all clips, planes, height, width)``."""
        raise NotImplementedError

    def features(self, clips: Tensor) -> Tensor:
        """Return the last LSTM's state after the last frame, which `head` reads."""
        frames = as_frames(clips, self.planes)
        found = self.frame_features(frames.flatten(0, 1))
        states: Tensor = self.last(self.first(found.view(*frames.shape[:2], -1))[0])[0]
        return states[:, -1]

    def forward(self, clips: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of clips ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(clips))
        return logits


@register_model("elrcn")
class Elrcn(_OverFrames):
    """Clips ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    VGG-16 makes 4096 features of each frame, whose planes are stacked as channels (spatial
    enrichment); two LSTMs follow, then a linear layer with ReLU and one that classifies.

    Args:
        in_channels: `planes` for each frame, one frame after the other.
        num_classes: Classes.
        size: Input height and width in pixels; 224 in the paper.
        planes: 1 for gray frames, 2 for u and v.
        backbone: The network on frames, by its name in timm; VGG-16 in the paper.
        units: Of the first LSTM; 2622 in the authors' script.
        last: Of the second LSTM; 1000 in the authors' script.
        hidden: Of the layer before the last; 128 in the authors' script.

    Raises:
        ConfigError: Channels are no multiple of `planes`, or timm has no such network.

    References:
        Khor, See, Phan, Lin (2018), Enriched Long-term Recurrent Convolutional Network for Facial
        Micro-Expression Recognition, FG. Sizes are facts of the authors' script,
        IcedDoggie/Micro-Expression-with-Deep-Learning.

    Differences:
        A reconstruction: the paper starts from the weights of VGG-Face, holds its convolutions
        still, and stacks flow, strain and gray levels; here weights are random and all move, and
        frames have the planes of the recipe. The temporal enrichment, with a VGG-16 for each kind
        of frame, is left out.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 224,
        planes: int = 1,
        backbone: str = "vgg16",
        units: int = 2622,
        last: int = 1000,
        hidden: int = 128,
    ) -> None:
        frame_count("ELRCN", in_channels, planes)
        encoder = NamedBackbone(backbone, in_channels=planes, size=size, pixels=False)
        super().__init__(planes, encoder.width, units, last)
        encoder.head = nn.Sequential()
        self.frames = encoder
        self.head = nn.Sequential(
            nn.Linear(last, hidden), nn.ReLU(), nn.Linear(hidden, num_classes)
        )

    def frame_features(self, frames: Tensor) -> Tensor:
        """Return what VGG-16's classifier would read."""
        return self.frames.features(frames)


@register_model("cnn_lstm")
class CnnLstm(_OverFrames):
    """Clips ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    Three convolutions with ReLU and 2x2 max pooling on each frame, means over 4x4 cells, a linear
    layer; two LSTMs over the frames; dropout and one linear layer.

    Args:
        in_channels: `planes` for each frame, one frame after the other.
        num_classes: Classes.
        size: Input height and width in pixels, at least 8; 64 in the paper.
        planes: 1 for gray frames, 2 for u and v.
        maps: Of the first convolution; the others have twice as many.
        units: Of each LSTM; the linear layer has twice as many.
        dropout: Share of the last state dropped in training.

    Raises:
        ConfigError: Channels are no multiple of `planes`.

    References:
        Kim, Baddar, Ro (2016), Micro-Expression Recognition with Expression-State Constrained
        Spatio-Temporal Feature Representations, ACM Multimedia.

    Differences:
        A reconstruction: the sizes of its layers are not in the texts that we have. The paper first
        trains the convolutions to tell the states of an expression (onset, apex, offset), with five
        losses; here all is trained together, with the classes.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 64,  # noqa: ARG002 - means over cells make every size fit
        planes: int = 1,
        maps: int = 32,
        units: int = 128,
        dropout: float = 0.5,
    ) -> None:
        frame_count("CNN-LSTM", in_channels, planes)
        super().__init__(planes, 2 * units, units, units)
        layers: list[nn.Module] = []
        for before, after in ((planes, maps), (maps, 2 * maps), (2 * maps, 2 * maps)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        cells = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.frames = nn.Sequential(*layers, *cells, nn.Linear(32 * maps, 2 * units), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(units, num_classes))

    def frame_features(self, frames: Tensor) -> Tensor:
        """Return what the first LSTM reads."""
        found: Tensor = self.frames(frames)
        return found
