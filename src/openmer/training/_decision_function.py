"""The decision function of a fitted support vector machine, as a module of plain matrices.

Stored numbers and this module take the place of a pickled scikit-learn object: nothing that is read
from a file is executed, and the same module predicts and is exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from openmer.errors import DataError

_NAMES = ("mean", "scale", "support", "dual", "intercept", "counts", "gamma", "linear")


class DecisionFunction(nn.Module):
    """Inputs ``(batch, ...)``, flattened, to decision values ``(batch, classes)``.

    What scikit-learn's `StandardScaler` and `SVC` with ``decision_function_shape="ovr"`` compute,
    in double precision; with two classes the one column of `SVC` and its negative.

    Args:
        state: ``mean`` and ``scale`` of the scaler, shape ``(values,)``; ``support`` vectors,
            ``(vectors, values)``, class after class; ``dual`` coefficients, ``(classes - 1,
            vectors)``; ``intercept``, one per pair of classes; ``counts`` of support vectors per
            class; ``gamma``, shape ``(1,)``; ``linear``, shape ``(1,)``, whether the kernel is
            linear, else it is the radial basis function. As `openmer.training._svm.learned` gives
            them.

    Raises:
        DataError: A part is missing, or their shapes do not fit each other.

    References:
        Chang and Lin (2011), LIBSVM: a library for support vector machines, ACM TIST 2(3): section
        7, one against one; the layout of the coefficients is libsvm's.
    """

    mean: Tensor
    scale: Tensor
    support: Tensor
    weights: Tensor
    intercept: Tensor
    gamma: Tensor
    sides: Tensor

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        _require_parts(state)
        parts = {name: state[name].double() for name in _NAMES if name not in ("counts", "linear")}
        counts = [int(count) for count in state["counts"]]
        self.linear = bool(state["linear"].item())
        self.classes = len(counts)
        for name in ("mean", "scale", "support", "intercept", "gamma"):
            self.register_buffer(name, parts[name])
        pairs = list(combinations(range(self.classes), 2))
        self.register_buffer("weights", _pair_weights(parts["dual"], counts, pairs))
        sides = torch.zeros(len(pairs), self.classes, dtype=torch.double)
        for row, (first, second) in enumerate(pairs):
            sides[row, first], sides[row, second] = 1, -1
        self.register_buffer("sides", sides)

    def forward(self, inputs: Tensor) -> Tensor:
        """Decision values, float32, shape ``(batch, classes)``."""
        scaled = (inputs.flatten(1).double() - self.mean) / self.scale
        values = self._kernel(scaled) @ self.weights + self.intercept
        if self.classes == 2:
            return torch.cat([-values, values], dim=1).float()
        first = (values >= 0).double()
        won = first @ self.sides.clamp_min(0) + (1 - first) @ (-self.sides).clamp_min(0)
        confidence = values @ self.sides
        return (won + confidence / (3 * (confidence.abs() + 1))).float()

    def _kernel(self, scaled: Tensor) -> Tensor:
        """Shape ``(batch, vectors)``."""
        products = scaled @ self.support.T
        if self.linear:
            return products
        squares = (scaled**2).sum(1, keepdim=True) + (self.support**2).sum(1)
        return torch.exp(-self.gamma * (squares - 2 * products).clamp_min(0))


def _pair_weights(dual: Tensor, counts: list[int], pairs: list[tuple[int, int]]) -> Tensor:
    """Weight of each support vector in the machine of each pair, shape ``(vectors, pairs)``."""
    if len(counts) == 2:
        return dual.T.contiguous()
    starts = [sum(counts[:number]) for number in range(len(counts))]
    weights = torch.zeros(sum(counts), len(pairs), dtype=torch.double)
    for column, (first, second) in enumerate(pairs):
        for own, other in ((first, second - 1), (second, first)):
            rows = slice(starts[own], starts[own] + counts[own])
            weights[rows, column] = dual[other, rows]
    return weights


def _require_parts(state: Mapping[str, Tensor]) -> None:
    missing = [name for name in _NAMES if name not in state]
    if missing:
        raise DataError(
            f"A support vector machine lacks {', '.join(missing)}; found {', '.join(state)}. Train "
            "it again."
        )
    vectors, values = state["support"].shape
    classes = len(state["counts"])
    expected = {
        "mean": (values,),
        "scale": (values,),
        "dual": (classes - 1, vectors),
        "intercept": (classes * (classes - 1) // 2,),
        "gamma": (1,),
    }
    found = {name: tuple(state[name].shape) for name in expected}
    if found != expected or int(state["counts"].sum()) != vectors:
        raise DataError(
            f"The parts of a support vector machine do not fit: found {found}, expected "
            f"{expected}. Train it again."
        )
