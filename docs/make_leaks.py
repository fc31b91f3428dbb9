"""Write the page of planted leaks: what each is, whether the audit finds it, and by which check.

Run ``python docs/make_leaks.py`` after a file below tests/contracts/leaks was added or changed.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parent
PAGE = DOCS / "reference" / "planted-leaks.md"

HEAD = """# Planted leaks

`tests/contracts/leaks` holds one small file for each of these leaks. A test runs the audit on every
one of them, so this table is what the audit does, not what it should do. It is written by
`python docs/make_leaks.py`.

{caught} of {all} leaks of {kinds} kinds are found, {noted} of them as a note, because there may be
an honest reason. The other {limits} cannot be seen by an audit of a program; it says so beside
every verdict. A leak marked `--full` is found by an audit of all subjects and of the whole budget;
a short audit says which share it has run.

## Run it against another auditor

```python
from pathlib import Path
from tests.contracts.leaks import planted_leaks
from tests.contracts.leaks._ground import copied, honest_case

honest = honest_case(Path("ground"))
assert not my_auditor(honest)  # nothing to find
for name, leak in planted_leaks().items():
    case = leak.plant(copied(honest, Path("planted", name)))
    print(leak.KIND, name, my_auditor(case), getattr(leak, "LIMIT", ""))
```

Run it in a checkout, where `tests` can be imported.
[The README of the suite](../../tests/contracts/leaks/README.md) says what a case holds and what the
constants of a file mean. `published_leaks()` does the same for predictions.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page that belongs to the suite as it is."""
    sys.path.insert(0, str(DOCS.parent))
    from tests.contracts.leaks import planted_leaks, published_leaks

    every = {**planted_leaks(), **published_leaks()}
    kinds: dict[str, list[tuple[str, ModuleType]]] = defaultdict(list)
    for name, leak in sorted(every.items()):
        kinds[leak.KIND].append((name, leak))
    limits = sum(hasattr(leak, "LIMIT") for leak in every.values())
    lines = [
        HEAD.format(
            all=len(every), caught=len(every) - limits, limits=limits, kinds=len(kinds),
            noted=sum(getattr(leak, "NOTED", False) for leak in every.values()),
        )
    ]  # fmt: skip
    for kind, leaks in sorted(kinds.items()):
        lines += [f"## {kind[0].upper()}{kind[1:]}", "", "| Leak | What it does | Found | By |"]
        lines += ["| --- | --- | --- | --- |", *(_line(*leak) for leak in leaks), ""]
    return "\n".join(lines).rstrip() + "\n"


def _line(name: str, leak: ModuleType) -> str:
    told = " ".join((leak.__doc__ or "").split())
    link = f"[`{name}`](../../tests/contracts/leaks/{name}.py)"
    if hasattr(leak, "LIMIT"):
        return f"| {link} | {told} | no | {leak.LIMIT} |"
    how = "with `--full`" if getattr(leak, "FULL", False) else "yes"
    how = "as a note" if getattr(leak, "NOTED", False) else how
    return f"| {link} | {told} | {how} | {leak.BY} |"


if __name__ == "__main__":
    main()
