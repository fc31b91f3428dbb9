"""A splitter for scikit-learn: the folds of a protocol, by the subject of each sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator

from openmer.clip import Clip
from openmer.errors import ConfigError
from openmer.evaluation._protocols import LOSO, make_folds


class ProtocolSplitter(BaseCrossValidator):  # type: ignore[misc]
    """The folds of a protocol for scikit-learn's `cross_val_predict`, `GridSearchCV` and the like.

    Args:
        protocol: As in `make_folds`.

    Example:
        cross_val_predict(SVC(), X, y, groups=subjects, cv=ProtocolSplitter("kfold:5"))
    """

    def __init__(self, protocol: str = LOSO) -> None:
        self.protocol = protocol

    def split(
        self,
        X: Any,  # noqa: ANN401, ARG002, N803  # what scikit-learn calls it
        y: Any = None,  # noqa: ANN401
        groups: Sequence[str] | None = None,
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the training and the test samples of each fold.

        Args:
            X: Anything that has a length.
            y: Labels of the samples; None where they do not matter.
            groups: The subject of each sample, with its corpus where there are several
                ("samm/006").

        Raises:
            ConfigError: No groups are given.
            ProtocolError: As `make_folds`.
        """
        clips = _clips_of(groups)
        targets = np.zeros(len(clips)) if y is None else np.asarray(y)
        indices = np.unique(targets, return_inverse=True)[1].tolist()
        for fold in make_folds(self.protocol, clips, indices):
            yield np.asarray(fold.train), np.asarray(fold.test)

    def get_n_splits(
        self,
        X: Any = None,  # noqa: ANN401, N803
        y: Any = None,  # noqa: ANN401
        groups: Sequence[str] | None = None,
    ) -> int:
        """Return the number of folds; arguments as in `split`.

        Raises:
            ConfigError: No groups are given.
        """
        return sum(1 for _ in self.split(X, y, groups))


def _clips_of(groups: Sequence[str] | None) -> list[Clip]:
    if groups is None:
        raise ConfigError("Found no groups, expected the subject of each sample: groups=subjects.")
    clips = []
    for i, group in enumerate(groups):
        corpus, slash, subject = str(group).partition("/")
        known = (corpus, subject) if slash else ("", corpus)
        clips.append(Clip(corpus=known[0], subject=known[1], name=str(i), emotion=""))
    return clips
