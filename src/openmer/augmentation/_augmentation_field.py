"""An augmentation as a field of a record, without importing PyTorch before there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from openmer import augmentation
from openmer.config import validate
from openmer.errors import ConfigError

if TYPE_CHECKING:
    from openmer.augmentation import Augmentation


def _as_augmentation(value: object) -> object:
    """Read a table as an augmentation."""
    if not isinstance(value, Mapping):
        if isinstance(value, augmentation.Augmentation):
            return value
        raise ValueError("an augmentation is a table with its name and its values")
    table = dict(value)
    name = table.pop("name", None)
    try:
        kind = augmentation.AUGMENTATIONS[str(name)]
        return validate(kind, table, f"Augmentation {name}", "Correct it there.")
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _as_written(one: Augmentation) -> dict[str, Any]:
    """Return the table with the values that were given."""
    return {"name": one.name, **one.model_dump(mode="json", exclude_unset=True)}


if TYPE_CHECKING:
    AugmentationField = Augmentation
else:
    AugmentationField = Annotated[
        dict, PlainValidator(_as_augmentation), PlainSerializer(_as_written)
    ]
"""An augmentation as a field of a record: read from a table with a `name`, and written as one."""
