"""Evaluate a method: every subject held out once, honestly and not, and what the difference is.

Run it from anywhere: ``python examples/03_judge_a_method.py``. It takes seconds, and a second
time less, because finished folds are kept.
"""

from pathlib import Path

from rich.console import Console

from openmer.datasets import read_manifest, write_corpus
from openmer.evaluation import Protocol, evaluate, load_run
from openmer.methods import load_method
from openmer.reports import render_terminal, write_report
from openmer.training import Resources

FOLDER = Path("openmer-demo/examples")

clips = read_manifest(write_corpus(FOLDER / "corpus", "tiny"))

# A method is a whole published system; single values of it can be replaced.
machine = load_method("flow-svm")
network = load_method("flow-mlp", ["training.epochs=30", "training.learning_rate=1e-3"])

# "fixed" takes the last epoch. "held_out" lets the tested subject choose it: a leak, made here on
# purpose to see what it is worth, and marked in every table.
honest = Protocol(epoch_rule="fixed", seeds=(0, 1))
leaky = Protocol(epoch_rule="held_out", seeds=(0, 1))

runs = []
for method, protocol in ((machine, honest), (network, honest), (network, leaky)):
    # Six small folds are not worth further processes; leave `resources` out for real work.
    folder = evaluate(method, clips, protocol, out=FOLDER / "runs", resources=Resources(workers=1))
    runs.append(load_run(folder))

Console().print(render_terminal(runs))
written = write_report(FOLDER / "report", runs)
print(f"report: {written['html']}")
