"""Stored weights: safetensors files that carry their own card, by name or by path."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from openmer.errors import ConfigError, DataError, reading_file, unknown_name
from openmer.files import replace_file
from openmer.models._timm import timm_library

GROUP = "openmer.weights"
"""Entry points that name a package with files of weights and their ``SHA256SUMS``."""

_HEAD = "head."
_WHOLE = "backbone."  # before timm's own names, in models that hold a whole backbone
_PLACES = "pos_embed"  # ends the name of a transformer's embedding of places
_TIMM = {"stem.0.": "conv_stem.", "stem.1.": "bn1.", "top.0.": "conv_head.", "top.1.": "bn2."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A file of weights.

    Attributes:
        state: Every number by its name in the model's ``state_dict``; float32, even where the file
            holds half precision.
        card: What the file says of itself: data, split, scores, seed, versions, use.
        sha256: Digest of the file's bytes, in hex.
    """

    state: dict[str, Tensor]
    card: dict[str, Any]
    sha256: str


def list_weights() -> list[str]:
    """Names of the weights that are installed, those of `openmer-weights` and of others, sorted."""
    return sorted(_installed())


def load_weights(name: str) -> Weights:
    """Weights by the name of an installed file, or by a path that ends in ``.safetensors``.

    A file is read once and kept; its arrays are not to be changed.

    Raises:
        ConfigError: No such name; the nearest is given.
        DataError: No such file, or it is broken.
    """
    path = weights_path(name)
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(
            f"There is no file of weights {path}. Make it with `openmer pretrain`, or give the "
            "path of another safetensors file."
        ) from error
    weights = _read(path.resolve(), found.st_mtime_ns, found.st_size)
    if not name.endswith(".safetensors") and weights.sha256 != _installed()[name][1]:
        raise DataError(f"{path} is damaged. Install the package it is in again.")
    return weights


def weights_path(name: str) -> Path:
    """Return the file that `load_weights` reads.

    Raises:
        ConfigError: No such name; the error says what to install, or the nearest name.
    """
    if name.endswith(".safetensors"):
        return Path(name)
    if name in _installed():
        return _installed()[name][0]
    if not _installed():
        raise ConfigError(
            f"The weights {name!r} are not installed. Those that OpenMER was published with: "
            'pip install "openmer[weights]" (in a clone: pip install ./packages/weights). Or give '
            "a safetensors file."
        )
    raise unknown_name("file of weights", name, list_weights())


def save_weights(path: Path, state: Mapping[str, Tensor], card: Mapping[str, object]) -> None:
    """Write a safetensors file with its card inside, whole or not at all; same input, same bytes.

    The card gets a digest of itself and of the arrays, which `load_weights` checks.

    Args:
        path: Ends in ``.safetensors``; its folder is made.
        state: A model's ``state_dict``.
        card: Plain values that `json` can write.
    """
    plain = {name: state[name].detach().cpu().contiguous() for name in sorted(state)}
    plain_card = json.loads(json.dumps(card))
    whole = {**plain_card, "sha256": _digest(plain, plain_card)}
    replace_file(path, save(plain, metadata={"card": json.dumps(whole, sort_keys=True)}))


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round weights to half precision, three digits; counters stay as they are.

    `load_weights` reads them as float32.

    Raises:
        ConfigError: A number is too large for half precision.
    """
    made = {name: v.half() if v.is_floating_point() else v for name, v in state.items()}
    lost = [name for name, v in made.items() if bool((v.isinf() & ~state[name].isinf()).any())]
    if lost:
        raise ConfigError(
            f"{lost[0]} has a number beyond 65,504, which half precision cannot hold. Store the "
            "weights without --half."
        )
    return made


def without_head(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parameters of the backbone alone: all but those of the part ``head``."""
    return {name: value for name, value in state.items() if not name.startswith(_HEAD)}


def backbone_state(
    model: Mapping[str, Tensor], stored: Mapping[str, Tensor], source: str
) -> dict[str, Tensor]:
    """Return stored weights under the names of a model, all of it but its head.

    Args:
        model: ``state_dict`` of the model, as `EfficientMe` or an `ImageClassifier` has it.
        stored: Weights of such a model, or of the whole backbone under timm's names. A
            transformer's embedding of places is resampled where it was made for another size.
        source: What to call them in an error.

    Raises:
        ConfigError: They lack an array of the model, or one has another shape.
    """
    own = without_head(model)
    names = _stored_names(own, stored)
    found = {
        name: _at_size(name, stored[other], own[name])
        for name, other in names.items()
        if other in stored
    }
    wrong = [name for name in own if name not in found or found[name].shape != own[name].shape]
    if wrong:
        raise ConfigError(
            f"The weights {source} do not fit the model: {len(wrong)} of the {len(own)} arrays "
            f"before its head are missing or of another shape, {wrong[0]} for one. Give weights of "
            "this model, or of the same backbone from timm, or begin from random ones: "
            "--set model.weights="
        )
    return found


def stored_backbone(model: nn.Module, name: str) -> dict[str, Tensor]:
    """Weights that a model can begin with, under its own names, all of it but its head.

    Args:
        model: The model.
        name: ``imagenet``, what timm offers for its backbone; else as in `load_weights`.

    Raises:
        ConfigError: No such name, or they are of another model.
        DataError: They are not at hand, or the file is broken.
    """
    own = model.state_dict()
    if name == "imagenet":
        return imagenet_state(own, timm_backbone(model))
    return backbone_state(own, load_weights(name).state, name)


def timm_backbone(model: nn.Module) -> str:
    """Name in timm of the backbone that a model was cut from.

    Raises:
        ConfigError: It was cut from none.
    """
    name = getattr(model, "timm_backbone", None)
    if not isinstance(name, str):
        raise ConfigError(
            f"{type(model).__name__} is no backbone of timm, so there are no ImageNet weights for "
            "it. Start from 'scratch' or from the path of a safetensors file."
        )
    return name


def imagenet_state(model: Mapping[str, Tensor], backbone: str) -> dict[str, Tensor]:
    """ImageNet weights of a timm backbone under the names of a model that was cut from it.

    Args:
        model: ``state_dict`` of the model, as in `backbone_state`.
        backbone: Name of the model in timm.

    Returns:
        All of the model but its head.

    Raises:
        ConfigError: The model was not cut from that backbone.
        DataError: The weights are not in timm's cache and cannot be fetched.
    """
    try:
        with _quiet("huggingface_hub", "timm"):
            make = timm_library().create_model
            whole = make(backbone, pretrained=True, num_classes=0).state_dict()
    except Exception as error:  # whatever the hub's client and its transport raise
        raise DataError(
            f"ImageNet weights of {backbone} are not at hand ({type(error).__name__}): timm "
            "fetches them once from the Hugging Face hub, which cannot be reached. Fetch the file "
            f"model.safetensors of timm/{backbone} on another machine and give its path in place "
            "of 'imagenet' (--from PATH), or start from 'scratch'."
        ) from error
    return backbone_state(model, whole, f"of timm's {backbone}")


@lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int, size: int) -> Weights:  # noqa: ARG001 - tell a new file
    with reading_file(path, "a file of weights", "Give a whole safetensors file."):
        content = path.read_bytes()
        stored = load(content)
        card = json.loads(_card_text(content))
    if not isinstance(card, dict):
        raise DataError(
            f"The card in {path} is a {type(card).__name__}, expected a table. Give a file that "
            "openmer pretrain wrote, or one without a card."
        )
    card = _checked(path, card, stored)
    state = {name: v.float() if v.dtype == torch.float16 else v for name, v in stored.items()}
    return Weights(state=state, card=card, sha256=hashlib.sha256(content).hexdigest())


def _card_text(content: bytes) -> str:
    """Return the card in the header of a safetensors file, also where its key is damaged."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata: dict[str, str] = header.get("__metadata__") or {}
    return metadata.get("card") or next(
        (text for text in metadata.values() if text[:1] == "{"), "{}"
    )


def _checked(path: Path, card: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return a card without the digest that stands in it, which must be that of all the rest."""
    rest = {key: value for key, value in card.items() if not _is_digest(key, value)}
    stated = [value for key, value in card.items() if _is_digest(key, value)]
    if stated and stated != [_digest(state, rest)]:
        raise DataError(
            f"{path} is damaged: its arrays or its card are not those that were written. Copy it "
            "again, or make it again with `openmer pretrain`."
        )
    return rest


def _is_digest(key: str, value: object) -> bool:
    return key == "sha256" or (isinstance(value, str) and len(value) == 64)


def _digest(state: Mapping[str, Tensor], card: Mapping[str, Any]) -> str:
    """Compute SHA-256 of arrays and of the card that goes with them, in hex."""
    found = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name in sorted(state):
        value = state[name]
        found.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


@cache
def _installed() -> dict[str, tuple[Path, str]]:
    """Read the list of every package with weights: where each file is, and its SHA-256."""
    found = {}
    for entry in entry_points(group=GROUP):
        folder = Path(str(resources.files(entry.module)))
        for line in (folder / "SHA256SUMS").read_text("ascii").splitlines():
            digest, file = line.split()
            found[file.removesuffix(".safetensors")] = folder / file, digest
    return found


def _stored_names(own: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the stored name of each array of a model: the model's own, or timm's."""
    if all(name.startswith(_WHOLE) for name in own):
        of_timm = not any(name.startswith(_WHOLE) for name in stored)
        return {name: name.removeprefix(_WHOLE) if of_timm else name for name in own}
    of_timm = "conv_stem.weight" in stored
    return {name: _timm_name(name) if of_timm else name for name in own}


def _at_size(name: str, stored: Tensor, own: Tensor) -> Tensor:
    """Resample an embedding of places, ``(1, 1 + places, width)``, to the places of a model."""
    if not name.endswith(_PLACES) or stored.ndim != 3 or stored.shape[2] != own.shape[2]:
        return stored
    side = math.isqrt(own.shape[1] - 1)
    if math.isqrt(stored.shape[1] - 1) ** 2 != stored.shape[1] - 1:  # no square of places
        return stored
    from timm.layers.pos_embed import resample_abs_pos_embed

    resampled: Tensor = resample_abs_pos_embed(stored, [side, side])
    return resampled


def _timm_name(name: str) -> str:
    """Return the name in timm's EfficientNet of an array of `EfficientMe`."""
    for own, other in _TIMM.items():
        if name.startswith(own):
            return other + name.removeprefix(own)
    return name


@contextmanager
def _quiet(*loggers: str) -> Iterator[None]:
    """Without the warnings of a client that tries again and again: one error follows."""
    before = {name: logging.getLogger(name).level for name in loggers}
    for name in loggers:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
