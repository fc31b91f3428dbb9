"""Which model a command on videos uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer.errors import ConfigError

if TYPE_CHECKING:
    from openmer.deployment import FittedModel

ModelFolder = Annotated[
    Path | None,
    typer.Option(
        "--model",
        help="Folder that `openmer train` wrote; the model that comes with OpenMER by default.",
    ),
]
NoModel = Annotated[
    bool, typer.Option("--no-model", help="Spot movements only; say nothing of their class.")
]
AbstainBelow = Annotated[
    float | None,
    typer.Option(
        "--abstain-below",
        metavar="P",
        help="Confidence in 0..1 under which no class is given; the model's own by default.",
    ),
]
SpotterName = Annotated[str, typer.Option("--spotter", help="What finds movements.")]


def model_or_none(folder: Path | None, no_model: bool) -> FittedModel | None:
    """Load the model asked for; None with --no-model.

    Raises:
        ConfigError: Both options are given.
        DataError: The folder holds no model.
    """
    from openmer.deployment import default_model, read_model

    require_one(folder, no_model)
    if no_model:
        return None
    return default_model() if folder is None else read_model(folder)


def require_one(folder: Path | None, no_model: bool) -> None:
    """Refuse both options at once.

    Raises:
        ConfigError: Both are given.
    """
    if folder is not None and no_model:
        raise ConfigError("Found both --model and --no-model; expected one of them at most.")
