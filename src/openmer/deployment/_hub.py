"""Models on the Hugging Face hub: a folder as `write_model` makes it, with a card that has a head.

What is fetched is read as any folder of a model: safetensors, TOML and JSON, with digests.
"""

from __future__ import annotations

import re
from pathlib import Path

import huggingface_hub

from openmer.deployment._fitted import FittedModel
from openmer.deployment._folder import CARD, METHOD, RECORD, WEIGHTS, read_model, write_model
from openmer.errors import ConfigError, DataError
from openmer.files import temporary_folder

HUB = "hf://"
_FILES = (CARD, METHOD, RECORD, WEIGHTS)


def fetch_model(address: str) -> FittedModel:
    """Fetch a model once into the cache of `huggingface_hub`, and read it.

    Args:
        address: ``hf://OWNER/NAME``, or ``hf://OWNER/NAME@REVISION``.

    Raises:
        ConfigError: The address has another form.
        DataError: It cannot be fetched, or is no whole model.
    """
    name, _, revision = address.removeprefix(HUB).partition("@")
    _require_name(name)
    try:
        folder = huggingface_hub.snapshot_download(
            name, revision=revision or None, allow_patterns=list(_FILES)
        )
    except Exception as error:  # whatever the client and its transport raise
        raise _failed(f"{address} cannot be fetched", error) from error
    return read_model(Path(folder))


def push_model(model: FittedModel, name: str, *, private: bool = True) -> str:
    """Upload a model with its card; return the address of the commit.

    Args:
        model: The model.
        name: ``OWNER/NAME`` on the hub; made where it is not there.
        private: Whether a new one is seen by its owner alone.

    Raises:
        ConfigError: The name has another form.
        DataError: It cannot be uploaded: nobody is logged in, say.
    """
    _require_name(name)
    with temporary_folder("openmer-upload") as temporary:
        folder = temporary / "model"
        write_model(folder, model)
        card = (folder / CARD).read_text("utf-8")
        (folder / "README.md").write_text(_HEAD + card, encoding="utf-8")
        try:
            huggingface_hub.create_repo(name, private=private, exist_ok=True)
            return str(huggingface_hub.upload_folder(repo_id=name, folder_path=folder))
        except Exception as error:  # whatever the client and its transport raise
            raise _failed(f"{name} cannot be uploaded", error) from error


_HEAD = """---
library_name: openmer
license: other
license_name: terms-of-the-corpora
tags: [micro-expression, openmer]
---

"""


def _require_name(name: str) -> None:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ConfigError(f"Found {name!r}, expected OWNER/NAME on the hub.")


def _failed(what: str, error: Exception) -> DataError:
    why = str(error).partition("\n")[0][:160]
    return DataError(
        f"{what} ({type(error).__name__}: {why}). "
        "Check the name, the network and `hf auth login`; a folder of a model works without."
    )
