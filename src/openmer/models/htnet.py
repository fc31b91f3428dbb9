"""HTNet: a transformer over facial areas, whose published setting has one token an area."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from openmer.errors import ConfigError
from openmer.models._registry import register_model

_WIDENING = 4  # of the hidden layer after each attention
_DEAD = ".query_key."  # in the state names of weights that no gradient reaches


@register_model("htnet")
class HTNet(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``.

    The input is cut into patches, whose grid is cut into square blocks: 4x4 blocks at the first
    level of three, 2x2 at the second, one at the last. At each level transformer layers run inside
    every block by itself, with weights that all blocks share; between levels a 3x3 convolution and
    max pooling let neighbours meet, halve the grid and double the channels. The mean over the last
    block is classified by one linear layer.

    The published input, 28x28, is put together from four areas of 14x14 of the flow: each row has
    the eye and the corner of the mouth of one side of the face. Any other input of the size is read
    as well. The authors' u, v and strain are stretched to 0..255; the network asks for no range.

    At that setting a block is one patch at every level. A softmax over one token is 1 whatever the
    queries and keys are, so their weights, 22.2 of 139.58 million numbers, never get a gradient and
    never change a logit: each attention is two linear layers. `dead_weights` set to False leaves
    them out.

    Args:
        in_channels: Channels of the input; 3 in the paper (u, v, optical strain).
        num_classes: Classes; 3 in the paper.
        size: Input height and width in pixels, a multiple of the patch times the blocks along a
            side at the first level; 28 in the paper. 56 would have four tokens in a block.
        patch: Height and width of a patch in pixels; 7 in the authors' code.
        dim: Channels at the first level; doubled at each further one; 256 in the authors' code.
        heads: Heads of attention at the first level, doubled likewise, each of ``dim // heads``
            channels; 3 in the authors' code.
        repeats: Transformer layers at each level, with commas; one number a level.
        dead_weights: Whether to hold the weights that cannot learn where a block is one token.

    Raises:
        ConfigError: An argument is out of its range, or `dead_weights` is False where blocks have
            more than one token and no weight is dead.

    References:
        Wang, Zhang, Luo and Sankaranarayana (2024), HTNet for micro-expression recognition,
        Neurocomputing 602; arXiv 2307.14637, section 3. It applies NesT: Zhang et al. (2022),
        Nested Hierarchical Transformer, AAAI.

    Differences:
        None known in what is computed; sizes are those of the authors' code, whose network has as
        many numbers and multiply-accumulates as this one, 139.58 and 214.3 million. (Their code
        cuts the areas out with the two coordinates of each landmark exchanged, so that they lie
        near the eyes and the corners of the mouth, not on them; that is before the network.) The
        position embedding of the last level is dead, too, at any size: it moves all channels of a
        place alike, which every norm takes out again. It goes with `dead_weights`.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        num_classes: int = 3,
        size: int = 28,
        patch: int = 7,
        dim: int = 256,
        heads: int = 3,
        repeats: str = "2,2,10",
        dead_weights: bool = True,
    ) -> None:
        super().__init__()
        depths = _depths(repeats)
        tokens = _tokens(size, patch, len(depths))
        _check(dim=dim, heads=heads, tokens=tokens, dead_weights=dead_weights)
        self.patches = nn.Conv2d(in_channels, dim, patch, stride=patch)
        self.levels = nn.ModuleList()
        self.meetings = nn.ModuleList()
        for number, depth in enumerate(depths):
            channels, last = dim << number, number == len(depths) - 1
            self.levels.append(
                _Level(
                    channels,
                    heads=heads << number,
                    depth=depth,
                    tokens=tokens,
                    dead_weights=dead_weights,
                    position=dead_weights or not last,
                )
            )
            if not last:
                self.meetings.append(_Meeting(channels))
        channels = dim << (len(depths) - 1)
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, num_classes)

    def features(self, flow: Tensor) -> Tensor:
        """Return the mean over the last block, ``(batch, 1024)``, which `head` reads."""
        maps: Tensor = self.patches(flow)
        for number, level in enumerate(self.levels):
            along = 1 << (len(self.levels) - 1 - number)
            maps = _from_blocks(level(_to_blocks(maps, along)), along)
            if number < len(self.meetings):
                maps = self.meetings[number](maps)
        tokens: Tensor = self.norm(maps.flatten(2).transpose(1, 2))
        return tokens.mean(1)

    def forward(self, flow: Tensor) -> Tensor:
        """Logits ``(batch, num_classes)`` of flow ``(batch, in_channels, size, size)``."""
        logits: Tensor = self.head(self.features(flow))
        return logits

    def for_inference(self) -> HTNet:
        """Return a network with the same outputs, within rounding, that has less to do.

        Where a block is one token, dead weights are left out and the two linear layers of each
        attention become one: 106.3 of 139.58 million numbers stay. Elsewhere a plain copy. It is
        not for training, and its state has other names.
        """
        twin = copy.deepcopy(self).eval()
        for part in twin.modules():
            if isinstance(part, _Attention) and part.tokens == 1:
                part.fold()
        return twin


def without_dead_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of an `HTNet` made with ``dead_weights=False`` that computes the same.

    Args:
        state: Of an `HTNet` that has them, from its ``state_dict()``, with one token a block.

    Returns:
        The same tensors under the same names, without queries, keys and the last position.

    Raises:
        ConfigError: The state is of an `HTNet` whose blocks have more than one token.
    """
    positions = {name: value for name, value in state.items() if name.endswith(".position")}
    if any(value.numel() > 1 for value in positions.values()):
        tokens = max(value.numel() for value in positions.values())
        raise ConfigError(
            f"This HTNet has {tokens} tokens in a block, and none of its queries and keys is dead. "
            "Only where a block is one token, as at 28x28, can they be left out."
        )
    levels = {int(name.split(".")[-2]) for name in positions}
    last = f"levels.{max(levels)}.position" if levels else ""
    return {
        name: value
        for name, value in state.items()
        if _DEAD not in name and not (last and name.endswith(last))
    }


class _Level(nn.Module):
    """Transformer layers inside each block: tokens ``(blocks, tokens, channels)``, shape kept."""

    position: nn.Parameter | None

    def __init__(
        self,
        channels: int,
        *,
        heads: int,
        depth: int,
        tokens: int,
        dead_weights: bool,
        position: bool,
    ) -> None:
        super().__init__()
        # One number a place, the same for all channels, as in the authors' code.
        self.register_parameter("position", nn.Parameter(torch.randn(tokens)) if position else None)
        self.layers = nn.ModuleList(
            _Layer(channels, _Attention(channels, heads, tokens, dead_weights))
            for _ in range(depth)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        if self.position is not None:
            tokens = tokens + self.position[:, None]
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class _Layer(nn.Module):
    """Attention, then two linear layers, each after a norm and added to what it reads."""

    def __init__(self, channels: int, attention: _Attention) -> None:
        super().__init__()
        hidden = _WIDENING * channels
        self.attend = nn.Sequential(nn.LayerNorm(channels), attention)
        self.feed = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, hidden),
            nn.GELU(),
            nn.Linear(hidden, channels),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attend(tokens)
        fed: Tensor = tokens + self.feed(tokens)
        return fed


class _Attention(nn.Module):
    """Attention among the tokens of a block; without queries and keys, that of one token."""

    def __init__(self, channels: int, heads: int, tokens: int, dead_weights: bool) -> None:
        super().__init__()
        self.heads, self.tokens = heads, tokens
        inner = channels // heads * heads
        self.query_key = nn.Linear(channels, 2 * inner, bias=False) if dead_weights else None
        self.value: nn.Module = nn.Linear(channels, inner, bias=False)
        self.out = nn.Linear(inner, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        values = self.value(tokens)
        if self.query_key is not None:
            query, key = (self._by_head(each) for each in self.query_key(tokens).chunk(2, dim=-1))
            # Written out: a fused kernel need not give gradients of exactly 0 for one token.
            shares = torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, dim=-1)
            values = (shares @ self._by_head(values)).transpose(1, 2).flatten(2)
        made: Tensor = self.out(values)
        return made

    def fold(self) -> None:
        """Make one linear layer of the values and what is made of them, as one token allows."""
        if isinstance(self.value, nn.Linear):
            folded = nn.Linear(self.value.in_features, self.out.out_features)
            folded.weight = nn.Parameter((self.out.weight @ self.value.weight).detach())
            folded.bias = self.out.bias
            self.query_key, self.value, self.out = None, nn.Identity(), folded

    def _by_head(self, values: Tensor) -> Tensor:
        """``(blocks, tokens, heads x channels)`` to ``(blocks, heads, tokens, channels)``."""
        return values.view(*values.shape[:2], self.heads, -1).transpose(1, 2)


class _Meeting(nn.Module):
    """Between levels: maps of half the side and twice the channels, across the blocks' borders."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.norm = nn.LayerNorm(2 * channels)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        normed = self.norm(self.convolution(maps).movedim(1, -1)).movedim(-1, 1)
        return cast(Tensor, self.pool(normed))


def _to_blocks(maps: Tensor, along: int) -> Tensor:
    """Cut maps ``(batch, channels, side, side)`` into ``(batch x along^2, tokens, channels)``."""
    batch, channels, side, _ = maps.shape
    within = side // along
    grid = maps.reshape(batch, channels, along, within, along, within).permute(0, 2, 4, 3, 5, 1)
    return grid.reshape(batch * along**2, within**2, channels)


def _from_blocks(tokens: Tensor, along: int) -> Tensor:
    """Join the tokens of blocks to maps again."""
    blocks, places, channels = tokens.shape
    batch, within = blocks // along**2, math.isqrt(places)
    grid = tokens.reshape(batch, along, along, within, within, channels).permute(0, 5, 1, 3, 2, 4)
    return grid.reshape(batch, channels, along * within, along * within)


def _depths(repeats: str) -> tuple[int, ...]:
    """Layers of each level.

    Raises:
        ConfigError: Not numbers of at least 1 with commas between them.
    """
    parts = [part.strip() for part in str(repeats).split(",")]
    if not all(part.isdecimal() and len(part) < 9 and int(part) for part in parts):
        raise ConfigError(
            f"HTNet takes repeats such as '2,2,10', one number of at least 1 for each level, found "
            f"{str(repeats)[:60]!r}."
        )
    return tuple(int(part) for part in parts)


def _tokens(size: int, patch: int, levels: int) -> int:
    """Tokens of a block, the same number at every level.

    Raises:
        ConfigError: The input cannot be cut like this.
    """
    unit = patch << (levels - 1)
    if patch < 1 or size < 1 or size % unit:
        raise ConfigError(
            f"HTNet with patches of {patch}x{patch} pixels and {levels} levels needs a size that "
            f"is a multiple of {max(unit, 1)}, found {size}x{size}."
        )
    along: int = size // unit
    return along**2


def _check(*, dim: int, heads: int, tokens: int, dead_weights: bool) -> None:
    if not 1 <= heads <= dim:
        raise ConfigError(
            f"HTNet takes at least one head and no more heads than channels, found heads {heads} "
            f"and dim {dim}."
        )
    if tokens > 1 and not dead_weights:
        raise ConfigError(
            f"With {tokens} tokens in a block every query and key matters, so dead_weights cannot "
            "be false. Give HTNet an input of one patch a block, 28x28 with its other defaults."
        )
