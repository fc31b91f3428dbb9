"""What the grid of a pretraining may vary."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

_FIXED = ("scheme", "start", "size", "recipe", "validation", "validation_score", "search")


def _of_training(key: str) -> str:
    """Refuse a setting that changes what is compared: the images, or the score that chooses."""
    if key.split(".", maxsplit=1)[0] in _FIXED:
        raise ValueError(
            f"a search takes settings of the training such as batch_size or stages.0.epochs, not "
            f"{key}: the scores of its trials could not be compared"
        )
    return key


SearchedKey = Annotated[str, AfterValidator(_of_training)]
"""A dotted key of `Pretraining`: how the model is trained, not on what or how it is scored."""
