"""The model for those who have none of their own; made by ``benchmarks/default_model.py``."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from openmer.deployment._fitted import FittedModel
from openmer.deployment._folder import read_model

DEFAULT_MODEL = "default-model"


def default_model() -> FittedModel:
    """Load the model of OpenMER: `flow-kernel-compact` on onset-to-apex flow, three classes.

    It was trained on the flow of the 442 clips of the MEGC 2019 composite, and is calibrated. Its
    recipe takes frames as they are, so give it tight crops of the face: eyes half the width apart,
    a quarter of the height below the upper edge. `FittedModel.record` says how far to trust it, its
    ``card.md`` what it is not for.

    Raises:
        DataError: The installation lacks it, or it was changed.
    """
    with resources.as_file(resources.files("openmer.weights") / DEFAULT_MODEL) as folder:
        return read_model(Path(folder))
