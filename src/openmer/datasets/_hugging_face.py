"""Clips as a dataset of Hugging Face, for what trains on those."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmer.errors import ConfigError

if TYPE_CHECKING:
    from pandas import DataFrame


def hugging_face_dataset(table: DataFrame, images: Sequence[Sequence[Path]] | None = None) -> Any:  # noqa: ANN401
    """Return a table as `datasets.Dataset`.

    Args:
        table: A row for each clip.
        images: The frames of each, for a further column `images` that opens them when asked.

    Raises:
        ConfigError: The extra ``hugging-face`` is not installed.
    """
    try:
        library = import_module("datasets")
    except ImportError as error:
        raise ConfigError(
            "A dataset of Hugging Face needs the package datasets, which is not installed. "
            "Install the extra: pip install 'openmer[hugging-face]'."
        ) from error
    # All as text: a column may hold nothing, or numbers and fractions.
    made = library.Dataset.from_pandas(table.astype("string"), preserve_index=False)
    if images is None:
        return made
    paths = [[str(path.absolute()) for path in own] for own in images]
    column = library.Sequence(library.Image())
    return made.add_column("images", paths).cast_column("images", column)
