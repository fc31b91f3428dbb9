"""What a protocol is worth: one method on the real flow of the MEGC 2019 composite.

    python benchmarks/protocols.py [--data ../shared/data/megc2019_flow.zip] [--method NAME]

Evaluates the method by leave-one-subject-out, by 5 groups of subjects dealt ten times, by
leave-one-corpus-out, and by leave-one-subject-out on each corpus alone, and writes
benchmarks/results/protocols.md. The data is licensed and not in this repository; the script says
so and stops where it is missing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from real_flow import DATA, unpacked

from openmer.datasets import ClipSource, from_manifest
from openmer.evaluation import Protocol, Summary, evaluate, load_run
from openmer.methods import load_method
from openmer.training import Resources

HERE = Path(__file__).parent
CORPORA = {"casme2": "CASME II", "samm": "SAMM", "smic": "SMIC"}
ROWS = {
    "loso": "leave-one-subject-out",
    "kfold:5:10": "5 groups of subjects, dealt ten times",
    "loco": "leave-one-corpus-out",
}


def main() -> None:
    """Evaluate all rows and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path("runs/protocols"))
    parser.add_argument("--method", default="flow-svm-stretched")
    given = parser.parse_args()
    if not given.data.is_file():
        sys.exit(f"The real flow is not at {given.data}: nothing was measured. Give --data.")
    source = from_manifest(unpacked(given.data, given.out))
    lines = [
        f"UF1 of `{given.method}`, by `python benchmarks/protocols.py --method {given.method}`.",
        "",
        f"| `--protocol` | How clips are held out | All | {' | '.join(CORPORA.values())} |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for spec, words in ROWS.items():
        found = score(given, source, spec)
        one, spread = found.scores["uf1"], ""
        if one.sd is not None:
            spread = f" ± {one.sd:.3f}"
        parts = [f"{found.parts[corpus].uf1:.3f}" for corpus in CORPORA]
        lines.append(f"| `{spec}` | {words} | {one.value:.3f}{spread} | {' | '.join(parts)} |")
    alone = [f"{score(given, source.only(corpus), 'loso').uf1:.3f}" for corpus in CORPORA]
    lines.append(f"| `loso` | each corpus alone | | {' | '.join(alone)} |")
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "results" / "protocols.md").write_text(text, encoding="utf-8")


def score(given: argparse.Namespace, source: ClipSource, spec: str) -> Summary:
    """Evaluate by a protocol, or read what was done."""
    folder = evaluate(
        load_method(given.method),
        source,
        Protocol(folds=spec),
        out=given.out,
        resources=Resources(device="cpu"),
        command=f"python benchmarks/protocols.py --method {given.method}",
    )
    return load_run(folder)[1]


if __name__ == "__main__":
    main()
