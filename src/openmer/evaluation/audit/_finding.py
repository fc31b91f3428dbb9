"""What an audit finds, as records."""

from __future__ import annotations

from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation._splits import Fold


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
