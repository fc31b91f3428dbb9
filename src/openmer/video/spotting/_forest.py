"""Boosted trees that rate a moment by its evidence, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

Array = NDArray[np.float32]

_FILE = "spotter.safetensors"
_OUTPUTS = ("likelihood", "lasts", "shift")
_USUAL_S = 0.2
_SHIFT_MOST = 4.0


class BriefForest:
    """Tells how likely a moment is a brief movement, how long it lasts and where its apex is.

    Args:
        weights: Those of `spotter.safetensors`. For each of the three outputs: ``start``, ``(1,)``;
            ``roots``, the first node of each tree; and for each node its ``feature`` (-1 where the
            tree ends), ``threshold``, ``low`` and ``high``, the nodes that follow up to the
            threshold and above, and ``value``, what is added where it ends.
    """

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        self._trees = {
            name: _Trees({k.split(".")[1]: v for k, v in weights.items() if k.startswith(name)})
            for name in _OUTPUTS
        }

    def __call__(self, evidence: Array) -> tuple[Array, Array, Array]:
        """Rate.

        Args:
            evidence: As in `Moments`, ``(moments, numbers)``.

        Returns:
            ``(moments,)`` each: the likelihood, 0..1; how long the movement lasts, seconds; how far
            its apex is from the moment, samples.
        """
        logit, lasts, shift = (self._trees[name](evidence) for name in _OUTPUTS)
        likelihood = np.asarray(1 / (1 + np.exp(-logit)), np.float32)
        lasts_s = np.asarray(_USUAL_S * np.exp(np.clip(lasts, -3, 3)), np.float32)
        return likelihood, lasts_s, np.clip(shift, -_SHIFT_MOST, _SHIFT_MOST)


class _Trees:
    def __init__(self, nodes: Mapping[str, NDArray[np.generic]]) -> None:
        self._start = float(nodes["start"].astype(np.float64)[0])
        self._roots = nodes["roots"].astype(np.int64)
        self._feature = nodes["feature"].astype(np.int64)
        self._threshold = nodes["threshold"].astype(np.float32)
        self._low, self._high = (nodes[name].astype(np.int64) for name in ("low", "high"))
        self._value = nodes["value"].astype(np.float32)

    def __call__(self, evidence: Array) -> Array:
        at = np.broadcast_to(self._roots, (len(evidence), len(self._roots)))
        rows = np.arange(len(evidence))[:, None]
        while (self._feature[at] >= 0).any():
            feature = np.maximum(self._feature[at], 0)
            is_low = evidence[rows, feature] <= self._threshold[at]
            after = np.where(is_low, self._low[at], self._high[at])
            at = np.where(self._feature[at] >= 0, after, at)
        return np.asarray(self._start + self._value[at].sum(1), np.float32)


@lru_cache(maxsize=1)
def brief_forest() -> BriefForest:
    """Return the trees that come with the package."""
    return BriefForest(load(files("openmer.weights").joinpath(_FILE).read_bytes()))
