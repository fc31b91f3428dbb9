"""The computing of TV-L1 flow: pairs, levels, warps and primal-dual steps, shared by threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from math import inf
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from openmer.errors import ConfigError

SMALLEST_PX = 16  # of a frame's shorter side; coarser levels stop at half of it
_LIGHT_CELLS = 4  # per side; what one of them gains in brightness is light, not motion
_PIXELS_PER_BATCH = 1 << 24  # on a GPU: 334 pairs of 224 x 224, some 30 planes of which are held
_PIXELS_PER_BAND = 1 << 14  # fewer take a thread less time than to be told so
_HALO = 8  # rows that a thread computes beyond its own, and steps until they are exchanged
_FLAT = 1e-9  # square of a slope that 8 bits cannot show: keeps divisions finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Parameters of `tvl1`, where they are explained."""

    levels: int
    warps: int
    iterations: int
    tau: float
    fidelity: float
    huber: float

    def __post_init__(self) -> None:
        counted = min(self.levels, self.warps, self.iterations) >= 1
        weights = 0 < self.tau < inf and 0 < self.fidelity < inf and 0 <= self.huber < inf
        if not (counted and weights):
            found = ", ".join(f"{name} {value}" for name, value in asdict(self).items())
            raise ConfigError(
                "TV-L1 needs at least 1 level, warp and iteration, tau and fidelity above 0 and "
                f"huber of at least 0, found {found}."
            )


def solved(first: Tensor, second: Tensor, settings: Settings, allowed: int) -> Tensor:
    """Flow of all pairs, ``(batch, 2, height, width)``, by so many threads at most."""
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
        flow = _median(_median(_descended(flow, dual, slope, change, settings, threads)))
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


def _descended(
    flow: Tensor,
    dual: Tensor,
    slope: Tensor,
    change: Tensor,
    settings: Settings,
    threads: Threads,
) -> Tensor:
    """Primal-dual steps on the energy with the brightness linearised.

    Args:
        flow: Where to start, shape ``(batch, 2, height, width)``.
        dual: Direction of the flow's change in x, then y, each of the shape of `flow`; updated.
        slope: Brightness per pixel in x and y, shape of `flow`.
        change: Brightness difference that zero flow would leave, ``(batch, 1, height, width)``.
        settings: Steps and weights.
        threads: Each takes a band of rows.
    """
    height = flow.shape[-2]
    edges = [round(height * i / n) for n in [threads.bands(flow)] for i in range(n + 1)]
    bands = [
        _Band((flow, dual, slope, change), first, last, settings) for first, last in pairwise(edges)
    ]
    left = settings.iterations
    while left:
        steps = left if len(bands) == 1 else min(left, _HALO)
        threads.run([partial(band.descend, steps) for band in bands])
        for above, below in pairwise(bands):
            above.meet(below)
        left -= steps
    dual.copy_(torch.cat([band.dual[..., band.own, :] for band in bands], dim=-2))
    return torch.cat([band.flow[..., band.own, :] for band in bands], dim=-2)


class _Band:
    """Some rows of the planes, with `_HALO` more to each side where there are more.

    A step looks one row to each side, so that so many steps leave the rows between them as they
    would be in one piece.

    Args:
        planes: Flow, dual, slope and change, as in `_descended`; only looked at.
        first: First row of its own.
        last: Row after the last one of its own.
        settings: Steps and weights.
    """

    def __init__(
        self, planes: tuple[Tensor, ...], first: int, last: int, settings: Settings
    ) -> None:
        start = max(first - _HALO, 0)
        self.own = slice(first - start, last - start)
        rows = slice(start, last + _HALO)
        flow, dual, slope, change = (one[..., rows, :] for one in planes)
        self._settings = settings
        memory = torch.contiguous_format
        self.flow, self.dual, self._lead = (
            one.clone(memory_format=memory) for one in (flow, dual, flow)
        )
        self._after, self._scratch = torch.empty_like(self.flow), torch.empty_like(self.flow)
        squared = (slope * slope).sum(1, keepdim=True).add_(_FLAT)
        # Flow along `slope` per unit of brightness: times the difference left, it undoes all of it.
        self._slope, self._undo, self._undo_all = (
            slope.contiguous(),
            slope / squared,
            change / squared,
        )
        self._step = torch.empty_like(self._undo_all)

    def descend(self, iterations: int) -> None:
        """Make some steps."""
        tau, sigma = self._settings.tau, 1 / (8 * self._settings.tau)
        limit, shrink = tau * self._settings.fidelity, 1 / (1 + sigma * self._settings.huber)
        dual, lead, scratch, slope, step = (
            self.dual, self._lead, self._scratch, self._slope, self._step
        )  # fmt: skip
        undo_x, undo_y = self._undo[:, :1], self._undo[:, 1:]
        dual_x, dual_y = dual
        # Parts of the planes are taken once: each taking costs as much as a tenth of a plane's sum.
        # In x a plane is one long row, whose ends are mended: two thirds of the time row by row.
        long_x, last_x, inner_y = dual_x.view(-1)[:-1], dual_x[..., -1], dual_y[..., :-1, :]
        long, next_y, before_y = lead.view(-1), lead[..., 1:, :], lead[..., :-1, :]
        next_x, before_x = long[1:], long[:-1]
        now, then = ((one, *_parts(one)) for one in (self.flow, self._after))
        for _ in range(iterations):
            after, after_x, after_y, after_u, after_v = then
            long_x.add_(next_x, alpha=sigma).sub_(before_x, alpha=sigma)
            last_x.zero_()
            inner_y.add_(next_y, alpha=sigma).sub_(before_y, alpha=sigma)
            torch.mul(dual_x, dual_x, out=scratch).addcmul_(dual_y, dual_y)
            dual.mul_(scratch.rsqrt_().clamp_(max=shrink))
            torch.add(now[0], dual_x, alpha=tau, out=after)
            after_x.sub_(long_x, alpha=tau)
            after.add_(dual_y, alpha=tau)
            after_y.sub_(inner_y, alpha=tau)
            torch.addcmul(self._undo_all, undo_x, after_u, out=step)
            step.addcmul_(undo_y, after_v).clamp_(-limit, limit)
            after.addcmul_(slope, step, value=-1)
            torch.lerp(now[0], after, 2.0, out=lead)
            now, then = then, now
        self.flow, self._after = now[0], then[0]

    def meet(self, below: _Band) -> None:
        """Bring the halo of two neighbours up to date."""
        pairs = ((self.flow, below.flow), (self._lead, below._lead), (self.dual, below.dual))
        for upper, lower in pairs:
            upper[..., -_HALO:, :] = lower[..., _HALO : 2 * _HALO, :]
            lower[..., :_HALO, :] = upper[..., -2 * _HALO : -_HALO, :]


def _parts(flow: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return views of a flow: all but the first number, all but the first row, u, v."""
    return flow.view(-1)[1:], flow[..., 1:, :], flow[:, :1], flow[:, 1:]


class Threads:
    """Threads beside the one that asks; PyTorch's own are not used.

    Args:
        count: How many threads compute, the asking one included.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(max(count - 1, 1), "openmer-tvl1")

    def bands(self, planes: Tensor) -> int:
        """Into how many bands of rows to cut planes."""
        height, width = planes.shape[-2:]
        return max(1, min(self.count, height * width // _PIXELS_PER_BAND, height // (2 * _HALO)))

    def run(self, calls: Sequence[Callable[[], None]]) -> None:
        """Make all calls, the first one here."""
        others = [self._pool.submit(_called, call) for call in calls[1:]]
        calls[0]()
        for one in others:
            one.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()


@torch.inference_mode()
def _called(call: Callable[[], None]) -> None:
    """Call, also where the tensors were made in that mode, which is a thread's own."""
    call()
