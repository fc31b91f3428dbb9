"""Exchange a model's layers for the twins of `training.layers`, keeping every state name."""

from __future__ import annotations

from torch import nn

from openmer.training._layers import (
    GatedChannels,
    KeyedDropout,
    RectifiedNormPool,
    WeightedBatchNorm,
)


def key_dropouts(model: nn.Module) -> list[KeyedDropout]:
    """Replace every ``nn.Dropout`` and timm's ``DropPath``; return what replaced them, in order."""
    keyed: list[KeyedDropout] = []
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            of_rows = type(child).__name__ == "DropPath"
            if of_rows or isinstance(child, nn.Dropout):
                share: float = getattr(child, "drop_prob" if of_rows else "p")
                keyed.append(KeyedDropout(share, layer=len(keyed), whole_rows=of_rows))
                setattr(parent, name, keyed[-1])
    return keyed


def weight_batch_norms(model: nn.Module) -> None:
    """Replace every batch norm that tracks statistics by one that can leave padded rows out."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d) and _tracks(child):
                setattr(parent, name, WeightedBatchNorm(child))


def fuse_rectified_norm_pools(model: nn.Module) -> None:
    """Replace each run of ReLU, batch norm and max pooling in a ``Sequential`` by one operation."""
    for parent in list(model.modules()):
        if isinstance(parent, nn.Sequential):
            for start in range(len(parent) - 2):
                _fuse_at(parent, start)


def _fuse_at(layers: nn.Sequential, start: int) -> None:
    """Fuse the three layers from `start` on, where they are such a run."""
    match layers[start], layers[start + 1], layers[start + 2]:
        case nn.ReLU(), nn.BatchNorm2d() as norm, nn.MaxPool2d() as pool:
            if _tracks(norm) and _tiles(pool):
                layers[start] = layers[start + 2] = nn.Identity()
                layers[start + 1] = RectifiedNormPool(norm, pool)


def gate_channels(model: nn.Module) -> None:
    """Replace timm's squeeze and excitation by a twin with less to do in the backward pass."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            parts = {part for part, _ in child.named_children()}
            if parts == {"conv_reduce", "act1", "conv_expand", "gate"}:
                setattr(parent, name, GatedChannels(child))


def keep_inputs_of_silu(model: nn.Module) -> None:
    """Let SiLU write to new memory: in place it must copy its input first, for the gradient."""
    for part in model.modules():
        if isinstance(part, nn.SiLU):
            part.inplace = False


def runs_channels_last(model: nn.Module, *, compiled: bool) -> bool:
    """Whether a model is to be laid out channels last on the CPU.

    Depthwise convolutions train 1.5 times as fast so. Other models gain by it only when compiled,
    and those with PyTorch's own batch norm lose digits on their large batches.
    """
    norms = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules())
    return has_depthwise(model) or (compiled and not norms)


def has_depthwise(model: nn.Module) -> bool:
    """Whether a model has grouped convolutions, as image backbones for small devices have."""
    return any(isinstance(part, nn.Conv2d) and part.groups > 1 for part in model.modules())


def _tracks(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> bool:
    return norm.affine and norm.track_running_stats


def _tiles(pool: nn.MaxPool2d) -> bool:
    """Whether the windows are squares that touch and do not overlap."""
    return (
        isinstance(pool.kernel_size, int)
        and pool.kernel_size == pool.stride
        and isinstance(pool.padding, int)
        and pool.dilation == 1
        and not pool.ceil_mode
        and not pool.return_indices
    )
