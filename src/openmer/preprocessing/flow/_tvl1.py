"""TV-L1 optical flow on tensors, many pairs at a time, on the CPU or a GPU.

Written for the motion of micro-expressions: 0.3 to 4 pixels, smooth on skin, with edges at lids
and lips, in frames of one camera. Larger motion needs more levels.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor

from openmer.errors import DataError
from openmer.preprocessing.flow._tvl1_solver import SMALLEST_PX, Settings, solved

_SLACK = 0.05  # frames made by interpolation overshoot 0..1 a little


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
        return solved(first, second, settings, allowed)


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
