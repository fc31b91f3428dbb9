"""Draw ``efficient-me-pretraining.png``: the learning curve of the weights that come with OpenMER.

Run ``python docs/images/make_pretraining.py``. It reads the card inside the weights and the history
that `openmer pretrain` wrote beside them.
"""

from __future__ import annotations

import csv
from importlib import resources
from pathlib import Path

from openmer.evaluation.pretraining_curve import draw_curve
from openmer.models.weights import load_weights
from openmer.training.pretrain_spec import Epoch

PICTURE = Path(__file__).with_name("efficient-me-pretraining.png")


def main() -> None:
    """Read, draw, write."""
    text = (
        resources.files("openmer.weights").joinpath("efficient-me-history.csv").read_text("utf-8")
    )
    epochs = [
        Epoch(
            number=int(row["number"]),
            part=row["part"],
            learning_rate=float(row["learning_rate"]),
            training_loss=float(row["training_loss"]),
            validation_loss=float(row["validation_loss"]),
            validation_accuracy=float(row["validation_accuracy"]),
            best=row["best"] == "True",
        )
        for row in csv.DictReader(text.splitlines())
    ]
    PICTURE.write_bytes(draw_curve(load_weights("efficient-me").card, epochs))


if __name__ == "__main__":
    main()
