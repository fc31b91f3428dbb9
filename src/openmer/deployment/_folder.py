"""A model as a folder: weights, method, record and card, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from importlib import import_module
from pathlib import Path

import safetensors.torch
import tomli_w
from pydantic import ValidationError
from torch import Tensor

from openmer.deployment._card import card_text
from openmer.deployment._fitted import FittedModel
from openmer.deployment._record import ModelRecord
from openmer.errors import DataError, reading_file
from openmer.files import check_replaceable, replace_folder
from openmer.methods import load_method
from openmer.models import save_weights

WEIGHTS, METHOD, RECORD, CARD = "model.safetensors", "method.toml", "model.json", "card.md"


def refuse_taken(folder: Path) -> None:
    """Refuse a folder that holds something, before time is spent on a model for it.

    Raises:
        DataError: It is a file or not empty, or cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(
            f"{folder} is there already and not empty. A trained model is never replaced: give "
            "another --out, or delete it yourself."
        )
    check_replaceable(folder)


def write_model(folder: Path, model: FittedModel) -> FittedModel:
    """Write a model; the same model gives the same bytes.

    Everything is written into a hidden folder beside it, which is renamed when it is complete: a
    kill at any moment leaves the whole model or none.

    Args:
        folder: Must not hold anything yet.
        model: The model.

    Returns:
        The model with the digests of its files in its record.

    Raises:
        DataError: The folder holds something, or cannot be written.
    """
    refuse_taken(folder)
    with replace_folder(folder, is_final=True) as place:
        record = _write_files(place, model)
    return FittedModel(method=model.method, record=record, state=model.state)


def read_model(folder: Path) -> FittedModel:
    """Read a model that `write_model` wrote.

    Args:
        folder: Where it is; also ``hf://OWNER/NAME`` as a path, whose slashes are then one.

    Raises:
        ConfigError: As `fetch_model`.
        DataError: There is none, or a file of it is missing, broken or changed.
    """
    on_hub = re.fullmatch(r"hf:/+(.+)", Path(folder).as_posix())
    if on_hub:
        hub = import_module("openmer.deployment._hub")
        fetched: FittedModel = hub.fetch_model(f"{hub.HUB}{on_hub[1]}")
        return fetched
    record = _read_record(folder)
    _checked(folder / METHOD, record.method_sha256)
    content = _checked(folder / WEIGHTS, record.weights_sha256)
    with reading_file(folder / WEIGHTS, "a file of weights", "Train the model again."):
        state: dict[str, Tensor] = safetensors.torch.load(content)
    return FittedModel(method=load_method(str(folder / METHOD)), record=record, state=state)


def _write_files(folder: Path, model: FittedModel) -> ModelRecord:
    method = tomli_w.dumps(model.method.model_dump(mode="json", exclude_none=True)).encode()
    (folder / METHOD).write_bytes(method)
    card = {"method": model.record.method, "classes": model.record.classes, "use": "research"}
    save_weights(folder / WEIGHTS, model.state, card)
    record = model.record.model_copy(
        update={
            "method_sha256": hashlib.sha256(method).hexdigest(),
            "weights_sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
        }
    )
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")
    (folder / CARD).write_text(card_text(record, model.method), encoding="utf-8")
    return record


def _read_record(folder: Path) -> ModelRecord:
    path = folder / RECORD
    if not path.is_file():
        raise DataError(
            f"There is no model in {folder}: no {RECORD} in it. Give the folder that "
            "`openmer train --out` wrote."
        )
    try:
        return ModelRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise DataError(
            f"{path} is no record of a model that this OpenMER reads: {place}: {first['msg']}. "
            "Train the model again, or update OpenMER."
        ) from error


def _checked(path: Path, sha256: str) -> bytes:
    """Read the bytes of a file; refuse others than the record speaks of."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The model lacks {path}: {error.strerror}. Copy its whole folder, or train it again."
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(
            f"{path} is not the file that was written with {RECORD}: it was changed or cut off. "
            "Copy the folder again, or train the model again."
        )
    return content
