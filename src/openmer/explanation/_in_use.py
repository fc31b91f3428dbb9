"""The saliency map of one clip or still by a trained model in use."""

from __future__ import annotations

import torch

from openmer.deployment import FittedModel, ModelRecord, Sample
from openmer.errors import ConfigError
from openmer.explanation import (
    ExplainedNetwork,
    SaliencyKind,
    SaliencyMap,
    explain,
    last_maps,
    require_captum,
)


def explain_sample(
    model: FittedModel, sample: Sample, *, class_name: str = "", kind: SaliencyKind = "grad-cam"
) -> SaliencyMap:
    """Where in a clip or still a model's decision comes from.

    Nobody was held out of its training, and it remembers no names: it may have seen the subject.

    Args:
        model: With a network.
        sample: A clip, or an image where the method looks at no motion.
        class_name: The class to explain; the predicted one where it is empty.
        kind: As in `openmer.explanation.class_saliency`.

    Raises:
        ConfigError: The model has no network, or one without maps; or there is no such class; or
            Captum is missing; or as `Sample.prepare`.
        DataError: As `Sample.prepare`.
    """
    require_captum()
    if model.method.model is None:
        raise ConfigError(
            f"The model of {model.record.method} is a support vector machine, whose decision has "
            "no place in the image. Give a model with a convolutional network."
        )
    last_maps(model.network, torch.zeros(1, *model.record.input_shape))
    by = ExplainedNetwork(
        network=model.network,
        title=model.record.title,
        recipe=model.recipe,
        classes=model.record.classes,
        origin=_origin(model.record),
        decides=model.record.kind == "svm",
    )
    word = sample.label.strip().lower()
    truth = model.method.scheme.words.get(word)
    return explain(
        by,
        sample.prepare(model),
        name=sample.name,
        truth=None if truth is None else by.classes.index(truth),
        class_name=class_name,
        kind=kind,
    )


def _origin(record: ModelRecord) -> str:
    corpora = record.trained_on.corpora.items()
    sources = [
        f"{count.clips} clips of {count.subjects} subjects of {name}" for name, count in corpora
    ]
    what = ", ".join(sources) or record.trained_on.what
    return f"Trained on {what}; it may have seen this subject. {record.caution}"
