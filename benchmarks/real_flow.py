"""Accuracy on the real flow of the 442 clips of the MEGC 2019 composite.

    python benchmarks/real_flow.py [--data ../shared/data/megc2019_flow.zip]
    python benchmarks/real_flow.py --table TABLE [--only NAME ...]

Trains the rows of all tables, or of one (resumable: finished folds are kept under --out), prints
them and writes benchmarks/results/real_flow_TABLE.md and .csv; of the table "all" real_flow.md and
.csv, and with "recovered" real_flow_corpora.md and .csv, too, where each corpus is tested by models
of the others. All of them take days of processor time; "recovered" takes minutes. With --only, rows
are printed; a table is written with --write, too. The data is licensed and not in this repository;
the script names the tables that were not made and stops where it is missing. Predictions stay in
--out and are never committed.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from openmer.cli._console import output, progress
from openmer.clip import Clip
from openmer.datasets import read_manifest
from openmer.evaluation import Protocol, evaluate, load_run
from openmer.methods import Method, load_method
from openmer.preprocessing import Recipe
from openmer.reports import render_terminal
from openmer.reports._csv_sheet import render_csv
from openmer.reports._markdown import render_markdown
from openmer.training import EpochRule, Resources

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared" / "data" / "megc2019_flow.zip"

# name, method, epoch rule, seeds, permutation of the labels
ROWS = (
    ("svm", "flow-svm", "fixed", 1, None),
    ("mlp", "flow-mlp", "fixed", 3, None),
    ("mlp-held-out", "flow-mlp", "held_out", 3, None),
    ("mlp-shuffled", "flow-mlp", "fixed", 3, 1),
    ("ststnet", "ststnet", "fixed", 3, None),
    ("ststnet-held-out", "ststnet", "held_out", 3, None),
    ("ststnet-inner", "ststnet", "inner", 3, None),
    ("off-apexnet", "off-apexnet", "fixed", 3, None),
    ("ststnet-shuffled", "ststnet", "fixed", 3, 1),
    ("authors", "ststnet-authors", "fixed", 1, None),
    ("authors-held-out", "ststnet-authors", "held_out", 1, None),
)

# The paper of RRMFNet and HTNet beside the smaller networks of the table above.
NETWORKS = (
    ("svm", "flow-svm", "fixed", 1, None),
    ("mlp", "flow-mlp", "fixed", 3, None),
    ("off-apexnet", "off-apexnet", "fixed", 1, None),
    ("ststnet", "ststnet", "fixed", 1, None),
    ("ststnet-inner", "ststnet", "inner", 1, None),
    ("ststnet-held-out", "ststnet", "held_out", 1, None),
    ("htnet", "htnet", "fixed", 1, None),
    ("htnet-inner", "htnet", "inner", 1, None),
    ("htnet-held-out", "htnet", "held_out", 1, None),
    ("htnet-pt", "htnet", "fixed", 1, None),
    ("htnet-pt-inner", "htnet", "inner", 1, None),
    ("htnet-pt-held-out", "htnet", "held_out", 1, None),
    ("rrmfnet", "rrmfnet-tiny", "fixed", 1, None),
    ("rrmfnet-inner", "rrmfnet-tiny", "inner", 1, None),
    ("rrmfnet-held-out", "rrmfnet-tiny", "held_out", 1, None),
    ("rrmfnet-pt", "rrmfnet-tiny", "fixed", 1, None),
    ("rrmfnet-pt-inner", "rrmfnet-tiny", "inner", 1, None),
    ("rrmfnet-pt-held-out", "rrmfnet-tiny", "held_out", 1, None),
)
# The rivals of the papers' tables that read this flow.
RIVALS = (
    ("hoof", "hoof", "fixed", 1, None),
    ("mdmo", "mdmo", "fixed", 1, None),
    ("bi-woof", "bi-woof", "fixed", 1, None),
    ("sssnet", "sssnet", "fixed", 1, None),
    ("sssnet-held-out", "sssnet", "held_out", 1, None),
    ("rcn-a", "rcn-a", "fixed", 1, None),
    ("rcn-a-held-out", "rcn-a", "held_out", 1, None),
    ("dual-inception", "dual-inception", "fixed", 1, None),
    ("dual-inception-held-out", "dual-inception", "held_out", 1, None),
    ("sssn", "sssn", "fixed", 1, None),
    ("dssn", "dssn", "fixed", 1, None),
    ("capsule-net", "capsule-net", "fixed", 1, None),
    ("resnet18", "resnet18-flow", "fixed", 1, None),
    ("convnext-atto", "convnext-atto-flow", "fixed", 1, None),
    ("resnet34", "resnet34-flow", "fixed", 1, None),
    ("resnet50", "resnet50-flow", "fixed", 1, None),
    ("efficientnet-b0", "efficientnet-b0-flow", "fixed", 1, None),
    ("alexnet", "alexnet", "fixed", 1, None),
    ("googlenet", "googlenet", "fixed", 1, None),
    ("emr", "emr", "fixed", 1, None),
)

# The floors and flow-kernel, with and without the gray levels of the 8-bit form.
RECOVERED = (
    ("kernel", "flow-kernel", "fixed", 3, None),
    ("kernel-shuffled", "flow-kernel", "fixed", 1, 1),
    ("compact", "flow-kernel-compact", "fixed", 3, None),
    ("svm", "flow-svm", "fixed", 1, None),
    ("svm-stretched", "flow-svm-stretched", "fixed", 1, None),
    ("mlp", "flow-mlp", "fixed", 3, None),
    ("mlp-stretched", "flow-mlp-stretched", "fixed", 3, None),
)
# Networks on their published 8-bit input, and on the same flow less its medians.
CENTRED = (
    ("ststnet", "ststnet", "fixed", 1, None),
    ("ststnet-centred", "ststnet", "fixed", 1, None),
    ("off-apexnet", "off-apexnet", "fixed", 1, None),
    ("off-apexnet-centred", "off-apexnet", "fixed", 1, None),
    ("htnet", "htnet", "fixed", 1, None),
    ("htnet-centred", "htnet", "fixed", 1, None),
    ("rrmfnet", "rrmfnet-tiny", "fixed", 1, None),
    ("rrmfnet-centred", "rrmfnet-tiny", "fixed", 1, None),
)
# The epoch rules of networks side by side, in five groups of subjects in place of 68 folds.
INNER = tuple(
    (f"{name}{rule}", method, "fixed" if not rule else "inner", 1, None)
    for name, method in (("ststnet", "ststnet"), ("htnet", "htnet"), ("rrmfnet", "rrmfnet-tiny"))
    for rule in ("", "-inner", "-inner-again")
)
# The cheap ones first.
TABLES = {
    "recovered": (RECOVERED, "real_flow_recovered"),
    "inner": (INNER, "real_flow_inner"),
    "all": (ROWS, "real_flow"),
    "networks": (NETWORKS, "real_flow_networks"),
    "centred": (CENTRED, "real_flow_centred"),
    "rivals": (RIVALS, "real_flow_rivals"),
}

# What rows change of their method, small enough for two cores. Perturbed is every fifth or seventh
# epoch: as often, within the budget, as every 20th of the paper's 110.
_RRMFNET = ("model.parameters.resizer=none", "training.epochs=25")
_HTNET = (
    "model.parameters.dim=32",
    "model.parameters.dead_weights=false",
    "training.epochs=40",
    "training.batch_size=64",
    "training.order=shuffled",
    "training.learning_rate=5e-4",
)
SETTINGS = {
    "rrmfnet": ("title=RRMFNet tiny", *_RRMFNET, "training.perturb.every=0"),
    "rrmfnet-pt": ("title=RRMFNet tiny + PT", *_RRMFNET, "training.perturb.every=5"),
    "rcn-a": ("title=RCN-A of 32 filters", "model.parameters.maps=32", "training.epochs=30"),
    "htnet": ("title=HTNet small", *_HTNET),
    "htnet-pt": ("title=HTNet small + PT", *_HTNET, "training.perturb.every=7"),
}


def main() -> None:
    """Run the rows asked for and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path("runs/real-flow"))
    parser.add_argument("--table", choices=TABLES, help="One table alone.")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--write", action="store_true", help="With --only: a table of these alone.")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--compiled", choices=("auto", "always", "never"), default="auto")
    arguments = parser.parse_args()
    wanted = [arguments.table] if arguments.table else list(TABLES)
    if not arguments.data.is_file():
        names = ", ".join(f"{TABLES[name][1]}.md" for name in wanted)
        sys.exit(f"The real flow is not at {arguments.data}. Not made: {names}. Give --data.")
    clips = read_manifest(unpacked(arguments.data, arguments.out))
    for name in wanted:
        rows, results = TABLES[name]
        if arguments.only:
            rows = tuple(row for row in rows if row[0] in arguments.only)
        if not rows:
            continue
        folds = "kfold:5" if name == "inner" else "loso"
        _table(rows, results, clips, arguments, folds)
        if name == "recovered":
            honest = tuple(row for row in rows if row[4] is None)
            _table(honest, "real_flow_corpora", clips, arguments, folds="loco")


def _table(
    rows: Sequence[tuple[str, str, EpochRule, int, int | None]],
    results: str,
    clips: Sequence[Clip],
    arguments: argparse.Namespace,
    folds: str = "loso",
) -> None:
    """Train rows, print them, and write their table."""
    runs = []
    for name, method, rule, seeds, permutation in rows:
        protocol = Protocol(
            epoch_rule=rule,
            seeds=tuple(range(seeds)),
            label_permutation=permutation,
            folds=folds,
        )
        with progress(name) as report:
            folder = evaluate(
                _method(name, method),
                clips,
                protocol,
                out=arguments.out,
                resources=Resources(
                    device="cpu", workers=arguments.workers, compiled=arguments.compiled
                ),
                command="python benchmarks/real_flow.py",
                on_progress=report,
            )
        runs.append(load_run(folder))
        info, summary = runs[-1]
        parts = ", ".join(f"{part} {scores.uf1:.3f}" for part, scores in summary.parts.items())
        output.print(f"{name}: UF1 {summary.uf1:.4f} ({parts}), {info.seconds:.0f} s")
    output.print(render_terminal(runs))
    if arguments.only and not arguments.write:
        return
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{results}.md").write_text(render_markdown(runs), encoding="utf-8")
    (folder / f"{results}.csv").write_text(render_csv(runs), encoding="utf-8")


def _method(row: str, name: str) -> Method:
    """Return the method of a row; rows of several epoch rules and inputs share its settings."""
    base = row.removesuffix("-again").removesuffix("-inner")
    base = base.removesuffix("-held-out").removesuffix("-centred")
    method = load_method(name, SETTINGS.get(base, ()))
    if row.endswith("-again"):
        title = f"{method.title}, trained again on all"
        again = ("training.inner.retrain=true", f"title={title}")
        return load_method(name, (*SETTINGS.get(base, ()), *again))
    if not row.endswith("-centred"):
        return method
    recipe = Recipe.from_tables([*method.steps.tables, {"step": "center"}])
    title = f"{method.title}, flow less its medians"
    return method.model_copy(update={"recipe": recipe, "title": title})


def unpacked(archive: Path, out: Path) -> Path:
    """Unpack the archive once; return its manifest."""
    folder = out / "data"
    if not (folder / "samples.csv").is_file():
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    return folder / "samples.csv"


if __name__ == "__main__":
    main()
