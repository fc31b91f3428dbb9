"""Evaluate methods: each subject held out once; and what a leak is worth.

Run it from anywhere: ``python examples/03_evaluate_a_method.py``. It takes seconds. The second time
it takes less, because finished runs are kept.
"""

import openmer

FOLDER = "openmer-demo/examples"

clips = openmer.synthesize(f"{FOLDER}/corpus", size="tiny", progress=False)
options = {"out": f"{FOLDER}/runs", "workers": 1, "progress": False}

svm = openmer.evaluate("flow-svm", clips, **options)

# A method is a whole published system. Single values of it can be replaced.
changes = ["training.epochs=30", "training.learning_rate=1e-3"]
mlp = openmer.evaluate("flow-mlp", clips, overrides=changes, **options)

# Here the tested subject chooses the epoch. This is a leak, made on purpose to see its effect.
leaky = openmer.evaluate("flow-mlp", clips, overrides=changes, epoch_rule="held_out", **options)

for result in (svm, mlp, leaky):
    print(result)
print(openmer.compare(svm, mlp))
print(mlp.predictions.head())
print(f"report: {mlp.report(f'{FOLDER}/report')}")
