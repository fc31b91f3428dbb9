"""Twins of PyTorch layers for training many models at once, under the same state names.

Each computes what its PyTorch original computes, within float tolerance, and adds one thing that
training a whole set of folds needs: a dropout whose masks depend on nothing but the model's own
seed and step, a batch norm that leaves padded rows out, a fused ReLU, batch norm and pooling, and a
gate on channels whose gradient passes over its maps fewer times.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Standardize(nn.Module):
    """``(input - mean) / spread`` per input value, with both as part of the model's state."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("spread", torch.ones(shape))

    def forward(self, inputs: Tensor) -> Tensor:
        """Standardised inputs, shape ``(batch, channels, height, width)`` as given."""
        return (inputs - cast(Tensor, self.mean)) / cast(Tensor, self.spread)


class KeyedDropout(nn.Module):
    """Dropout whose mask is a pure function of a key and of each value's position.

    No generator is advanced, so a model draws the same masks alone, beside others, stacked with
    others, on a CPU or on CUDA; and the mask can be computed inside a compiled step.

    Args:
        p: Share of values dropped, 0..1.
        layer: Number of the layer in its model, so that no two layers share a mask.
        whole_rows: Drop all values of a row of the batch or none, as timm's ``DropPath``.
    """

    key: Tensor

    def __init__(self, p: float, layer: int, *, whole_rows: bool = False) -> None:
        super().__init__()
        self.p = p
        self.layer = layer
        self.whole_rows = whole_rows
        self.register_buffer("key", torch.zeros(2, dtype=torch.int32), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Set a share `p` of the inputs to zero and scale the rest by ``1 / (1 - p)``."""
        if not self.training or self.p == 0:
            return inputs
        shape = inputs.shape
        if self.whole_rows:
            shape = torch.Size((shape[0], *(1 for _ in shape[1:])))
        uniform = _uniform(shape, self.key, self.layer, inputs.device)
        return torch.where(uniform >= self.p, inputs * (1 / (1 - self.p)), 0.0)


def _uniform(shape: torch.Size, key: Tensor, layer: int, device: torch.device) -> Tensor:
    """Numbers in 0..1, one per position: an integer hash of position, layer and key.

    Rounds of multiply and xor-shift with the constants of Wellons' lowbias32; both halves of the
    key enter before the last two. Signed 32-bit integers wrap around; masks make their right
    shifts logical.
    """
    bits = torch.arange(shape.numel(), dtype=torch.int32, device=device).view(shape)
    bits = (bits + layer * 0x51ED27) * -1640531527 + key[0]
    bits = ((bits ^ (bits >> 16 & 0xFFFF)) * 0x45D9F3B) ^ key[1]
    bits = (bits ^ (bits >> 16 & 0xFFFF)) * 0x7FEB352D
    bits = (bits ^ (bits >> 15 & 0x1FFFF)) * -2073254261
    bits = bits ^ (bits >> 16 & 0xFFFF)
    return (bits >> 8 & 0xFFFFFF).to(torch.float32) / float(1 << 24)


class _BatchNormState(nn.Module):
    """Parameters and running statistics of an existing batch norm, under the same names."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__()
        self.eps = norm.eps
        self.momentum = 0.1 if norm.momentum is None else norm.momentum
        self.weight = norm.weight
        self.bias = norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))

    def track(self, mean: Tensor, variance: Tensor, count: Tensor | float) -> None:
        """Move the running statistics towards those of a batch of `count` values per channel."""
        with torch.no_grad():
            unbiased = variance * (count / (count - 1))
            self.running_mean.mul_(1 - self.momentum).add_(self.momentum * mean)
            self.running_var.mul_(1 - self.momentum).add_(self.momentum * unbiased)
            self.num_batches_tracked.add_(1)

    def normalise_by_running(self, inputs: Tensor) -> Tensor:
        """Normalise by the running statistics, as batch norm does in evaluation mode."""
        return F.batch_norm(
            inputs, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class WeightedBatchNorm(_BatchNormState):
    """Batch norm over ``(batch, channels, ...)`` that counts each row by a weight of 0 or 1.

    Rows of weight 0 only fill a batch up to the size of its neighbours' in the stack: they touch
    neither the statistics nor the running averages.
    """

    row_weights: Tensor

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__(norm)
        self.register_buffer("row_weights", torch.ones(1), persistent=False)
        # timm's batch norms carry the activation that follows them.
        self.activation: nn.Module = getattr(norm, "act", nn.Identity())

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalised inputs of the same shape."""
        normed: Tensor = self.activation(self._normed(inputs))
        return normed

    def _normed(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return self.normalise_by_running(inputs)
        rest = (1,) * (inputs.dim() - 2)
        weights = self.row_weights.view(-1, 1, *rest)
        over = (0, *range(2, inputs.dim()))
        count = self.row_weights.sum() * inputs[0, 0].numel()
        mean = (inputs * weights).sum(over) / count
        centred = inputs - mean.view(1, -1, *rest)
        variance = (centred.square() * weights).sum(over) / count
        self.track(mean.detach(), variance.detach(), count)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale.view(1, -1, *rest) + self.bias.view(1, -1, *rest)


class RectifiedNormPool(_BatchNormState):
    """ReLU, batch norm and max pooling with stride = kernel, as one differentiable operation.

    Batch norm is monotone per channel, so the pooled maximum can be chosen before it and only the
    chosen values normalised; and its gradient is a dense term known in closed form plus one value
    per window. That leaves two passes over the large map in place of about ten.
    """

    def __init__(self, norm: nn.BatchNorm2d, pool: nn.MaxPool2d) -> None:
        super().__init__(norm)
        self.kernel = _only(pool.kernel_size)
        self.padding = _only(pool.padding)

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape ``(batch, channels, height, width)`` to the pooled map of the same layout."""
        if not self.training:
            rectified = self.normalise_by_running(F.relu(inputs))
            return F.max_pool2d(rectified, self.kernel, self.kernel, self.padding)
        pooled, mean, variance = _RectifiedNormPool.apply(
            inputs.permute(0, 2, 3, 1),
            self.weight,
            self.bias,
            (self.kernel, self.padding, self.eps),
        )
        self.track(mean, variance, inputs.numel() / inputs.shape[1])
        return cast(Tensor, pooled).permute(0, 3, 1, 2)


class GatedChannels(nn.Module):
    """Squeeze and excitation: maps times a gate of each channel, made from the channels' means.

    Forward as timm's block, whose layers it takes over. Backward, the product that the gate's
    gradient sums is made for one clip at a time and stays in the processor's cache, and the mean
    hands its gradient back without writing it out.

    Args:
        block: With `conv_reduce`, `act1`, `conv_expand` and `gate`, as in timm's EfficientNet.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.conv_reduce = block.get_submodule("conv_reduce")
        self.act1 = block.get_submodule("act1")
        self.conv_expand = block.get_submodule("conv_expand")
        self.gate = block.get_submodule("gate")

    def forward(self, maps: Tensor) -> Tensor:
        """Gated maps of the same shape, ``(batch, channels, height, width)``."""
        means = maps.sum((2, 3), keepdim=True) * (1 / (maps.shape[2] * maps.shape[3]))
        gate = self.gate(self.conv_expand(self.act1(self.conv_reduce(means))))
        return cast(Tensor, _Gated.apply(maps, gate))


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - PyTorch hangs on it what is kept
        maps: Tensor,
        gate: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(maps, gate)
        return maps * gate

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        *gradients: Tensor,
    ) -> tuple[Tensor, Tensor]:
        maps, gate = ctx.saved_tensors
        pairs = zip(gradients[0], maps, strict=True)
        by_gate = torch.stack([(upper * own).sum((1, 2)) for upper, own in pairs])
        return gradients[0] * gate, by_gate[:, :, None, None]


def _only(size: int | tuple[int, int]) -> int:
    return size if isinstance(size, int) else size[0]


def _windows(maps: Tensor, kernel: int, padding: int) -> Tensor:
    """Return the pooling windows, shape ``(batch, rows, kernel, columns, kernel, channels)``."""
    height, width = maps.shape[1:3]
    rows, columns = ((side + 2 * padding - kernel) // kernel + 1 for side in (height, width))
    right, below = columns * kernel - padding - width, rows * kernel - padding - height
    padded = F.pad(maps, (0, 0, padding, right, padding, below), value=-torch.inf)
    return padded.view(len(maps), rows, kernel, columns, kernel, maps.shape[-1])


def _spread(pooled: Tensor, like: Tensor, kernel: int, padding: int, fill: float) -> Tensor:
    """Each window's value at all of the window's places in a map shaped `like`."""
    batch, rows, columns, channels = pooled.shape
    full = pooled[:, :, None, :, None].expand(batch, rows, kernel, columns, kernel, channels)
    full = full.reshape(batch, rows * kernel, columns * kernel, channels)
    below = like.shape[1] - rows * kernel + padding
    right = like.shape[2] - columns * kernel + padding
    return F.pad(full, (0, 0, -padding, right, -padding, below), value=fill)


def _places(like: Tensor, kernel: int, padding: int) -> Tensor:
    """Each position's place in its window, shape ``(1, height, width, 1)``."""
    y = (torch.arange(like.shape[1], device=like.device) + padding) % kernel
    x = (torch.arange(like.shape[2], device=like.device) + padding) % kernel
    return (y[:, None] * kernel + x[None]).to(like.dtype)[None, :, :, None]


class _RectifiedNormPool(torch.autograd.Function):
    """Works on maps laid out ``(batch, height, width, channels)``."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - PyTorch hangs on it what is kept
        maps: Tensor,
        weight: Tensor,
        bias: Tensor,
        setting: tuple[int, int, float],
    ) -> tuple[Tensor, Tensor, Tensor]:
        kernel, padding, eps = setting
        rectified = maps.clamp_min(0)
        count = maps.shape[0] * maps.shape[1] * maps.shape[2]
        # Summed per clip first: one long float32 sum would lose digits on large batches.
        mean = rectified.sum((1, 2)).sum(0) / count
        variance = (rectified - mean).square().sum((1, 2)).sum(0) / count
        inverse = torch.rsqrt(variance + eps)
        sign = torch.where(weight >= 0, 1.0, -1.0)  # a negative weight turns max into min
        windows = _windows(rectified * sign, kernel, padding)
        best = windows.amax((2, 4))
        numbers = torch.arange(kernel**2, dtype=maps.dtype, device=maps.device)
        numbers = numbers.view(1, 1, kernel, 1, kernel, 1)
        # The first place of the maximum, in scan order, as PyTorch's own pooling has it.
        place = torch.where(windows == best[:, :, None, :, None], numbers, torch.inf).amin((2, 4))
        chosen = (best * sign - mean) * inverse
        ctx.save_for_backward(maps, weight, mean, inverse, chosen, place)
        ctx.setting = setting
        ctx.mark_non_differentiable(mean, variance)
        return chosen * weight + bias, mean, variance

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        *gradients: Tensor,
    ) -> tuple[Tensor | None, ...]:
        maps, weight, mean, inverse, chosen, place = ctx.saved_tensors
        kernel, padding, _ = ctx.setting
        upper = gradients[0]
        count = maps.shape[0] * maps.shape[1] * maps.shape[2]
        by_weight = (upper * chosen).sum((1, 2)).sum(0)
        by_bias = upper.sum((1, 2)).sum(0)
        scale = weight * inverse
        hit = _spread(place, maps, kernel, padding, -1.0) == _places(maps, kernel, padding)
        direct = torch.where(hit, _spread(upper * scale, maps, kernel, padding, 0.0), 0.0)
        centred = maps.clamp_min(0) - mean
        dense = scale * by_bias / count + centred * (scale * inverse * by_weight / count)
        return torch.where(maps > 0, direct - dense, 0.0), by_weight, by_bias, None
