"""TV-L1 optical flow on tensors, many pairs at a time, on the CPU or a GPU.

Written for the motion of micro-expressions: 0.3 to 4 pixels, smooth on skin, with edges at lids
and lips, in frames of one camera. Larger motion needs more levels.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from openmer.errors import DataError
from openmer.preprocessing.flow._tvl1_descent import Settings, Threads, descended

SMALLEST_PX = 16  # of a frame's shorter side; coarser levels stop at half of it
_SLACK = 0.05  # frames made by interpolation overshoot 0..1 a little
_LIGHT_CELLS = 4  # per side; what one of them gains in brightness is light, not motion
_PIXELS_PER_BATCH = 1 << 24  # on a GPU: 334 pairs of 224 x 224, some 30 planes of which are held


@torch.no_grad()
def tvl1(
    first: Tensor,
    second: Tensor,
    *,
    levels: int = 3,
    warps: int = 2,
    iterations: int = 40,
    tau: float = 0.5,
    fidelity: float = 20.0,
    huber: float = 0.1,
) -> Tensor:
    """Where each pixel of the first frames went in the second ones.

    Minimises, over the flow ``w``, the sum over all pixels of
    ``fidelity * |second(x + w(x)) - first(x)| + h(grad u) + h(grad v)``, where ``h`` is the length
    of a gradient, rounded off to a parabola below `huber`.

    Args:
        first: Gray levels in 0..1, float32 or float64, shape ``(batch, height, width)``, at least
            16 x 16.
        second: Later frames of the same shape, type and device.
        levels: Resolutions, each half of the one before; 3 suffice for 4 pixels of motion.
        warps: How often the second frame is brought over the first at each level.
        iterations: Steps after each warp.
        tau: Length of a primal step at the finest level, in pixels per unit of the energy's slope;
            doubled at each coarser level, where the motion has farther to spread. The dual step
            is ``1 / (8 * tau)``, the longest that surely converges.
        fidelity: Weight of the brightness against the smoothness (lambda in the paper).
        huber: Change of the flow per pixel below which it is smoothed evenly instead of in steps;
            0 is total variation as published.

    Returns:
        Displacement in pixels, shape ``(batch, 2, height, width)``, type and device of `first`,
        without gradients; channel 0 is u (right), channel 1 is v (down). On the CPU a pair gives
        the same bytes in any batch and for any number of threads: as many as PyTorch may use take
        a pair each, which keeps it in the processor's cache, and the rows of what is left over.

    Raises:
        ConfigError: A parameter is out of range.
        DataError: The frames differ in shape, type or device, are no batch of gray images, are too
            small, or have values that are not finite or not in 0..1.

    References:
        Zach, Pock, Bischof (2007), A duality based approach for realtime TV-L1 optical flow.
        Sanchez Perez, Meinhardt-Llopis, Facciolo (2013), TV-L1 optical flow estimation, IPOL:
        pyramid, warps and thresholding.
        Chambolle, Pock (2011), A first-order primal-dual algorithm for convex problems: the steps.
        Werlberger, Trobin, Pock, Wedel, Cremers, Bischof (2009), Anisotropic Huber-L1 optical
        flow: the rounding off.
        Wedel, Pock, Zach, Bischof, Cremers (2009), An improved algorithm for TV-L1 optical flow:
        gradient of both frames, median filter.

    Differences:
        Flow and brightness are not decoupled, so there is no theta: thresholding is the proximal
        step of the brightness itself. The number of steps is fixed. A slow change of light is
        taken away: after each warp, the mean difference of 4 x 4 cells, interpolated between them.
    """
    settings = Settings(
        levels=levels,
        warps=warps,
        iterations=iterations,
        tau=tau,
        fidelity=fidelity,
        huber=huber,
    )
    with _one_thread() as allowed:
        _check_frames(first, second)
        return _all_pairs(first, second, settings, allowed)


def _all_pairs(first: Tensor, second: Tensor, settings: Settings, allowed: int) -> Tensor:
    """Flow of all pairs, by so many threads at most."""
    flow = first.new_empty((len(first), 2, *first.shape[1:]))
    on_cpu = first.device.type == "cpu"
    per_batch = 1 if on_cpu else max(1, _PIXELS_PER_BATCH // first[0].numel())
    groups = [slice(start, start + per_batch) for start in range(0, len(first), per_batch)]

    def fill(own: Sequence[slice], threads: Threads) -> None:
        for pairs in own:
            frames = torch.stack([first[pairs], second[pairs]], dim=1)
            flow[pairs] = _coarse_to_fine(frames, settings, threads)

    with Threads(allowed if on_cpu else 1) as threads:
        alike = len(groups) - len(groups) % threads.count  # each thread takes as many pairs
        shares = [groups[n : alike : threads.count] for n in range(threads.count)]
        with Threads(1) as alone:
            threads.run([partial(fill, share, alone) for share in shares])
        fill(groups[alike:], threads)
    return flow


def _check_frames(first: Tensor, second: Tensor) -> None:
    found = f"{tuple(first.shape)} {first.dtype} and {tuple(second.shape)} {second.dtype}"
    alike = first.shape == second.shape and first.dtype == second.dtype
    if first.ndim != 3 or not alike or first.device != second.device or not len(first):
        raise DataError(
            "TV-L1 needs two batches of gray frames (batch, height, width) of one shape, type and "
            f"device, found {found} on {first.device} and {second.device}."
        )
    if first.dtype not in (torch.float32, torch.float64) or min(first.shape[1:]) < SMALLEST_PX:
        raise DataError(
            f"TV-L1 needs float32 or float64 frames of at least {SMALLEST_PX} x {SMALLEST_PX} px, "
            f"found {found}."
        )
    lowest = float(torch.minimum(first.amin(), second.amin()))
    highest = float(torch.maximum(first.amax(), second.amax()))
    if not (lowest >= -_SLACK and highest <= 1 + _SLACK):  # also where one is NaN
        raise DataError(
            f"TV-L1 needs gray levels in 0..1, found {lowest:g}..{highest:g}. Divide 8-bit frames "
            "by 255 and repair pixels that are not finite."
        )


@contextmanager
def _one_thread() -> Generator[int]:
    """Keep PyTorch on one thread inside; yield how many it had.

    It would share each plane's sum between its threads, for which the planes are too small. Where
    other programs keep the cores busy, waiting for a second thread even doubles the time.
    """
    threads = torch.get_num_threads()
    if threads != 1:
        torch.set_num_threads(1)
    try:
        yield threads
    finally:
        if threads != 1:
            torch.set_num_threads(threads)


def _coarse_to_fine(frames: Tensor, settings: Settings, threads: Threads) -> Tensor:
    """Flow, ``(batch, 2, height, width)``, of first and second frames in one such tensor."""
    sizes = []
    for level in range(settings.levels):
        size = tuple(round(side / 2**level) for side in _size(frames))
        if level == 0 or min(size) >= SMALLEST_PX // 2:
            sizes.append((size[0], size[1]))
    flow = frames.new_zeros((len(frames), 2, *sizes[-1]))
    for level, size in reversed(list(enumerate(sizes))):
        # Motion has farther to spread at a coarse level, hence the longer steps.
        longer = replace(settings, tau=settings.tau * 2**level)
        flow = _refined(_scaled(flow, size), _resized(frames, size), longer, threads)
    return flow


def _refined(flow: Tensor, frames: Tensor, settings: Settings, threads: Threads) -> Tensor:
    """Flow after all warps of one level."""
    first, second = frames[:, :1], frames[:, 1:]
    slope_of_first = _slope(first)
    dual = flow.new_zeros((2, *flow.shape))
    for _ in range(settings.warps):
        seen, inside = _warped(second, flow)
        # Where the match is outside the frame nothing is known but the neighbours' flow.
        slope = (slope_of_first + _slope(seen)).mul_(inside / 2)
        change = _without_light(seen - first)
        change.addcmul_(slope[:, :1], flow[:, :1], value=-1)
        change.addcmul_(slope[:, 1:], flow[:, 1:], value=-1).mul_(inside)
        flow = _median(_median(descended(flow, dual, slope, change, settings, threads)))
    return flow


def _slope(frames: Tensor) -> Tensor:
    """Brightness per pixel in x and y: ``(batch, 1, height, width)`` to 2 channels.

    ``(8 * (f(1) - f(-1)) - (f(2) - f(-2))) / 12``, exact for polynomials up to the fourth degree.
    """
    slopes = []
    for dim in (-1, -2):
        length = frames.shape[dim]
        at = [_padded(frames, 2, dim).narrow(dim, start, length) for start in range(5)]
        slopes.append((at[3] - at[1]).mul_(8 / 12).sub_(at[4] - at[0], alpha=1 / 12))
    return torch.cat(slopes, dim=1)


def _warped(frames: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Each pixel's match, by bicubic interpolation, and 1 where it is inside the frame, else 0."""
    height, width = frames.shape[-2:]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 0]
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 1]
    places = torch.stack([x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1], dim=-1)
    seen = F.grid_sample(frames, places, mode="bicubic", padding_mode="border", align_corners=True)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return seen, inside[:, None].to(flow.dtype)


def _without_light(difference: Tensor) -> Tensor:
    """Difference in brightness less its slow part, by which only the light has changed."""
    light = _resized(difference, (_LIGHT_CELLS, _LIGHT_CELLS))
    return difference - _resized(light, _size(difference))


def _median(flow: Tensor) -> Tensor:
    """Median of each 3 x 3 neighbourhood; the border repeats its nearest pixels."""
    padded = F.pad(flow, (1, 1, 1, 1), mode="replicate")
    above, here, below = (padded[..., i : i + flow.shape[-2], :] for i in range(3))
    low, high = torch.minimum(above, here), torch.maximum(above, here)
    middle = torch.minimum(high, below)
    highest, middle = torch.maximum(high, below), torch.maximum(low, middle)
    lowest = torch.minimum(low, below)
    # The median of nine is the median of: greatest low, median middle, least high of the columns.
    lows, middles, highs = (
        [plane[..., i : i + flow.shape[-1]] for i in range(3)]
        for plane in (lowest, middle, highest)
    )
    return _median_of_three(
        torch.maximum(torch.maximum(lows[0], lows[1]), lows[2]),
        _median_of_three(*middles),
        torch.minimum(torch.minimum(highs[0], highs[1]), highs[2]),
    )


def _median_of_three(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(a, b), torch.minimum(torch.maximum(a, b), c))


def _padded(frames: Tensor, pixels: int, dim: int) -> Tensor:
    """Frames with their border repeated along one of the last two axes."""
    sides = (pixels, pixels, 0, 0) if dim == -1 else (0, 0, pixels, pixels)
    return F.pad(frames, sides, mode="replicate")


def _scaled(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Flow at another size, in pixels of that size."""
    height, width = _size(flow)
    factors = flow.new_tensor([size[1] / width, size[0] / height])
    return _resized(flow, size) * factors.view(2, 1, 1)


def _resized(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Planes at another size, averaged where they shrink, else linearly interpolated."""
    if _size(planes) == size:
        return planes
    return F.interpolate(planes, size, mode="bilinear", align_corners=False, antialias=True)


def _size(planes: Tensor) -> tuple[int, int]:
    """Height and width."""
    return planes.shape[-2], planes.shape[-1]
