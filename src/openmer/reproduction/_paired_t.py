"""Student's t-test, to check the p-values that papers print.

References:
    Student (1908), The probable error of a mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from openmer.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedT:
    """Student's t-test of paired numbers.

    Attributes:
        difference: Mean of first minus second.
        t: That mean over its standard error.
        degrees: Degrees of freedom, pairs minus one.
        p_value: 0..1.
    """

    difference: float
    t: float
    degrees: int
    p_value: float


def paired_t_test(
    first: Sequence[float],
    second: Sequence[float],
    *,
    alternative: Literal["two-sided", "greater"] = "two-sided",
) -> PairedT:
    """Student's t-test of whether paired numbers differ.

    It takes the differences as independent draws of one normal distribution. Scores of one method
    on a few sets of clips are no such draws: it is here to check printed p-values. Compare runs
    with `compare_runs`.

    Args:
        first: Numbers, at least two.
        second: As many, in the same order.
        alternative: "greater" asks whether the first are larger; it halves p where they are.
    """
    if len(first) != len(second) or len(first) < 2:
        raise DataError(
            f"{len(first)} and {len(second)} numbers cannot be paired; expected as many of each, "
            "at least two."
        )
    from scipy.stats import ttest_rel

    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    # What rounding leaves of equal differences is no spread.
    if np.ptp(differences) <= 1e-12 * max(1.0, float(np.abs(differences).max())):
        raise DataError(
            f"All {len(first)} differences are {differences[0]:g}, so they have no spread to "
            "measure t by. Compare the runs clip by clip."
        )
    found = ttest_rel(first, second, alternative=alternative)
    return PairedT(
        difference=float(differences.mean()),
        t=float(found.statistic),
        degrees=int(found.df),
        p_value=float(found.pvalue),
    )
