"""Primal-dual steps of TV-L1 flow, where nearly all of its time goes; threads share the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from math import inf
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from openmer.errors import ConfigError

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


def descended(
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
        planes: Flow, dual, slope and change, as in `descended`; only looked at.
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()


@torch.inference_mode()
def _called(call: Callable[[], None]) -> None:
    """Call, also where the tensors were made in that mode, which is a thread's own."""
    call()
