"""Draw the learning curves of the weights that come with OpenMER, one picture each.

Run ``python docs/images/make_pretraining.py``. It reads the card inside the weights and the history
that `openmer pretrain` wrote beside them.
"""

from __future__ import annotations

import csv
from pathlib import Path

from openmer.models import load_weights, weights_path
from openmer.pretraining._learning_curve import draw_curve
from openmer.pretraining._spec import Epoch

PICTURES = {
    "efficient-me": "efficient-me-pretraining.png",
    "dense-attention": "dense-attention-pretraining.png",
    "mobilevit-svm": "mobilevit-svm-pretraining.png",
}


def main() -> None:
    """Read, draw, write."""
    for name, picture in PICTURES.items():
        curve = draw_curve(load_weights(name).card, epochs_of(name))
        Path(__file__).with_name(picture).write_bytes(curve)


def epochs_of(name: str) -> list[Epoch]:
    """The history of a file of weights."""
    file = weights_path(name).with_name(f"{name}-history.csv")
    return [
        Epoch(
            number=int(row["number"]),
            part=row["part"],
            learning_rate=float(row["learning_rate"]),
            training_loss=float(row["training_loss"]),
            validation_loss=float(row["validation_loss"]),
            validation_accuracy=float(row["validation_accuracy"]),
            best=row["best"] == "True",
        )
        for row in csv.DictReader(file.read_text("utf-8").splitlines())
    ]


if __name__ == "__main__":
    main()
