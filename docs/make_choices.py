"""Write the table of the page "Which method should I use" from the measured results.

Run ``python docs/make_choices.py`` after a benchmark has written benchmarks/results/real_flow*.csv.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from openmer.methods import Method, list_methods, load_method

DOCS = Path(__file__).parent
PAGE = DOCS / "how-to" / "choose-a-method.md"
RESULTS = sorted((DOCS.parent / "benchmarks" / "results").glob("real_flow*.csv"))
# These files were measured before flow-svm and flow-mlp were changed: their rows are of the methods
# as they were. Once measured again, a file leaves the list.
BEFORE = ("real_flow.csv", "real_flow_networks.csv")
AS_THEY_WERE = ("flow-svm", "flow-mlp")
DASH = "\N{EN DASH}"
BEGIN, END = "<!-- choices:begin -->", "<!-- choices:end -->"
HEADER = ("Method", "Input", "Honest UF1 (95 %)", "Weights", "Time", "Licence of its code")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page with the table that belongs to the present results and methods."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return "\n".join([before + BEGIN, *table(), END + rest.partition(END)[2]])


def table() -> list[str]:
    """One line for each method, the highest honest score first, then those without one."""
    found = honest_rows()
    methods = sorted(map(load_method, list_methods()), key=lambda m: -_score(found.get(m.name)))
    lines = [HEADER, ("---",) * len(HEADER), *(_line(m, found.get(m.name)) for m in methods)]
    return [f"| {' | '.join(line)} |" for line in lines]


def honest_rows() -> dict[str, dict[str, str]]:
    """The first honest row on all clips of each method that ran as it ships, last epoch."""
    found: dict[str, dict[str, str]] = {}
    for path in RESULTS:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if _counts(row):
                    old = path.name in BEFORE and row["method"] in AS_THEY_WERE
                    found.setdefault(row["method"] + "-stretched" * old, row)
    return found


def _counts(row: dict[str, str]) -> bool:
    plain = (row["epoch_rule"], row["protocol"], row["part"]) == ("fixed", "honest", "full")
    known = row["method"] in list_methods()
    return plain and known and row["title"] == load_method(row["method"]).title


def _score(row: dict[str, str] | None) -> float:
    return float(row["uf1"]) if row else 0.0


def _line(method: Method, row: dict[str, str] | None) -> tuple[str, ...]:
    link = f"[{method.title}](../reference/methods/{method.name}.md)"
    source = method.steps.source.step.replace("_", " ")
    read = f"{source}, {method.steps.size} px"
    if row is None:
        return link, read, "not measured", DASH, DASH, _licence(method)
    score = f"{_score(row):.3f} ({float(row['uf1_low']):.3f}{DASH}{float(row['uf1_high']):.3f})"
    weights, seconds = int(row["parameters"]), float(row["seconds"])
    return (
        link,
        read,
        score,
        f"{weights:,}" if weights else DASH,
        f"{seconds:,.0f} s",
        _licence(method),
    )


def _licence(method: Method) -> str:
    """Of the authors' code, as the page of the model says; ours is Apache-2.0 throughout."""
    path = DOCS / "reference" / "models" / f"{method.model.name if method.model else ''}.md"
    if not path.is_file():
        return DASH
    told = re.search(r"(?m)^- Its licence: (.+)$", path.read_text(encoding="utf-8"))
    return told[1] if told else DASH


if __name__ == "__main__":
    main()
