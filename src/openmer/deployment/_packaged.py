"""The models that come with the package: pretrained weights with their own head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmer.deployment._fitted import FittedModel
from openmer.deployment._record import PACKAGES, ModelRecord, TrainedOn
from openmer.errors import ConfigError, DataError
from openmer.evaluation import versions
from openmer.methods import Method, load_method
from openmer.models import Weights, load_weights
from openmer.preprocessing import Recipe


def packaged_model(name: str) -> FittedModel:
    """Build a model from a method with the weights that it starts from, head included.

    It has learned macro-expressions on images and no micro-expression. Images are brought to the
    size that the weights were trained at, and to gray where they were trained on gray ones.

    Args:
        name: Name of a method, or the path of its TOML file.

    Raises:
        ConfigError: No such method, or it comes with no weights.
        DataError: The weights lack a head, or were trained on other classes.
    """
    method = load_method(name)
    stored = "" if method.model is None else method.model.weights
    if stored in ("", "imagenet"):
        raise ConfigError(
            f"Method {method.name} comes with no trained weights. Train it: openmer train "
            f"{name} --manifest clips.csv --out model, then give --model model."
        )
    weights = load_weights(stored)
    classes = method.scheme.classes
    _require_head(method, weights, classes)
    method = _at_size(method, _whole(weights.card.get("pretraining", {}), "size"))
    side = method.steps.size
    if side is None:
        raise DataError(
            f"The recipe of method {method.name} does not say how large its images are. Add a size "
            "to its step 'apex_frame'."
        )
    record = ModelRecord(
        method=method.name,
        title=method.title,
        kind="network",
        classes=classes,
        label_scheme=method.scheme.name,
        input_shape=(_channels(weights), side, side),
        parameters=sum(v.numel() for key, v in weights.state.items() if _is_weight(key)),
        seed=_whole(weights.card, "seed"),
        epoch_rule="fixed",
        epoch=_whole(weights.card.get("epochs", {}), "best"),
        trained_on=TrainedOn(what=_learned_from(weights)),
        weights_sha256=weights.sha256,
        versions=versions(PACKAGES),
    )
    return FittedModel(method=method, record=record, state=weights.state)


def _require_head(method: Method, weights: Weights, classes: tuple[str, ...]) -> None:
    biases = [v for key, v in weights.state.items() if key.startswith("head.") and v.ndim == 1]
    if not biases:
        raise DataError(
            f"The weights of method {method.name} have no head: they are a start for training, not "
            "a model. Train one with `openmer train`."
        )
    found = tuple(weights.card.get("classes", classes))
    if found != classes or len(biases[-1]) != len(classes):
        raise DataError(
            f"The weights of method {method.name} tell {', '.join(found)} apart "
            f"({len(biases[-1])} outputs), but its label scheme has {', '.join(classes)}. Train a "
            "model with `openmer train`."
        )


def _at_size(method: Method, size: int) -> Method:
    """Return the method with its image resized; a size of 0 leaves it."""
    if not size:
        return method
    steps = [
        step.model_copy(update={"size": size}) if step.step == "apex_frame" else step
        for step in method.recipe.steps
    ]
    return method.model_copy(update={"recipe": Recipe(tuple(steps))})


def _channels(weights: Weights) -> int:
    """1 where the weights were shown gray images only."""
    shape = weights.card.get("data", {}).get("shape", [3])
    return 1 if shape[0] == 1 else 3


def _learned_from(weights: Weights) -> str:
    card = weights.card
    titles = [corpus["title"] for corpus in card.get("data", {}).get("corpora", {}).values()]
    parts = [", ".join(titles)] if titles else []
    if "scores" in card:
        parts.append(f"accuracy on images that chose its epoch {card['scores']['accuracy']:.3f}")
    return f"macro-expression images ({'; '.join(parts)})" if parts else "macro-expression images"


def _whole(card: Mapping[str, Any], key: str) -> int:
    """Read a whole number from a card; 0 where it has none."""
    value = card.get(key, 0)
    return value if type(value) is int and value > 0 else 0


def _is_weight(name: str) -> bool:
    """Whether a number of a state is a trained weight and no batch statistic."""
    return not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
