"""What an audit finds, as records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openmer.evaluation._splits import Fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing the audit found.

    Attributes:
        check: Name of the check.
        severity: ``leak`` makes a result worthless; ``note`` is for a reader to evaluate.
        fold: The held-out subject concerned; empty where it concerns the data as a whole.
        message: What was found, and what to do.
    """

    check: str
    severity: Literal["leak", "note"]
    fold: str
    message: str


def leak_of(check: str, fold: Fold, what: str) -> Finding:
    """Describe a leak of one fold; `what` goes on from its name."""
    return Finding(
        check=check, severity="leak", fold=fold.held_out, message=f"Fold {fold.held_out} {what}."
    )


def some(names: set[str]) -> str:
    """Write the first three names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return ", ".join(ordered[:3]) + more
