"""Compare two runs on the same clips, subject by subject."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openmer.api._display import Displayed, frame
from openmer.api._evaluate import Result
from openmer.evaluation import Comparison, audit_sentence, compare_runs

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class Compared(Displayed):
    """Two runs, and whether they differ.

    Attributes:
        first: Title of the first method.
        second: Title of the second method.
        found: Difference of UF1 with its interval, and tests.
        audits: What is proven of each run.
    """

    first: str
    second: str
    found: Comparison
    audits: tuple[str, str]

    @property
    def difference(self) -> float:
        """UF1 of the first minus UF1 of the second run."""
        return self.found.difference

    @property
    def p_value(self) -> float:
        """Two-sided, by drawing subjects, 0..1."""
        return self.found.p_value

    def to_frame(self) -> DataFrame:
        """Return a table of one row."""
        test = asdict(self.found.mcnemar)
        return frame([{
            "first": self.first, "second": self.second,
            "uf1_first": self.found.uf1_first, "uf1_second": self.found.uf1_second,
            "difference": self.difference, "low": self.found.interval.low,
            "high": self.found.interval.high, "p_value": self.p_value,
            "audit_first": self.audits[0], "audit_second": self.audits[1],
            **{f"mcnemar_{name}": value for name, value in test.items()},
        }])  # fmt: skip

    def _line(self) -> str:
        low, high = self.found.interval.low, self.found.interval.high
        return (
            f"UF1 of {self.first} minus {self.second} is {self.difference:+.3f} ({low:+.3f} to "
            f"{high:+.3f}), p = {self.p_value:.3f} by subjects. "
            f"{audit_sentence({'first': self.audits[0], 'second': self.audits[1]})}"
        )


def compare(first: Result | str | Path, second: Result | str | Path) -> Compared:
    """Say whether two methods differ on the same clips.

    Args:
        first: A result, or the folder of one.
        second: Another one, on the same clips.

    Returns:
        The difference of UF1 with its interval and p-value, and McNemar's test.

    Raises:
        DataError: A folder holds no run, or the runs are of other clips.

    Example:
        first = openmer.evaluate("flow-svm", "clips.csv")
        second = openmer.evaluate("ststnet", "clips.csv", overrides=["training.epochs=20"])
        print(openmer.compare(first, second).p_value)
    """
    one, other = (r if isinstance(r, Result) else Result.read(r) for r in (first, second))
    found = compare_runs(one.table, other.table)
    return Compared(one.info.title, other.info.title, found, (one.audit, other.audit))
