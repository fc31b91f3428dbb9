"""What each paper pretrained on: corpora, classes, balance, and the counts it states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from openmer.clip import Image
from openmer.datasets._registry import load_images
from openmer.datasets.labels import label_scheme, labelled
from openmer.errors import unknown_name


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingScheme:
    """A set of labelled stills as a paper describes it.

    Attributes:
        name: How it is called in a method file.
        corpora: Name of each corpus to the images taken from each of its sequences; 0 for stills.
        label_scheme: Which classes its words make.
        balanced: Every class is cut, at random, to the size of the smallest.
        counts: Images per class that the paper states; None where it states none.
        validation: Share of the images that the paper held out.
        source: The paper.
        unsure: What the paper leaves open, and what was chosen.
    """

    name: str
    corpora: Mapping[str, int]
    label_scheme: str
    balanced: bool
    counts: Mapping[str, int] | None
    validation: float
    source: str
    unsure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingSet:
    """The images of a scheme.

    Attributes:
        images: In the order of the corpora and of their lists.
        targets: Class index of each image.
        differences: What does not agree with the counts of the paper, in words; none is good.
    """

    images: tuple[Image, ...]
    targets: tuple[int, ...]
    differences: tuple[str, ...]


_EFFICIENT_ME = "Efficient-ME, pretraining on FER2013"
_SCHEMES = {
    scheme.name: scheme
    for scheme in (
        PretrainingScheme(
            name="efficient-me-balanced",
            corpora=MappingProxyType({"fer2013": 0}),
            label_scheme="macro-3",
            balanced=True,
            counts=MappingProxyType({"negative": 4002, "positive": 4002, "surprise": 4002}),
            validation=0.2,
            source=_EFFICIENT_ME,
        ),
        PretrainingScheme(
            name="efficient-me-imbalanced",
            corpora=MappingProxyType({"fer2013": 0}),
            label_scheme="macro-3",
            balanced=False,
            counts=MappingProxyType({"negative": 16698, "positive": 8989, "surprise": 4002}),
            validation=0.2,
            source=_EFFICIENT_ME,
        ),
        PretrainingScheme(
            name="efficient-me-ckplus",
            corpora=MappingProxyType({"ckplus": 3}),
            label_scheme="macro-3",
            balanced=False,
            counts=None,
            validation=0.2,
            source="Efficient-ME, Table 5: CK+ in place of FER2013",
            unsure="Frames per sequence and balance are not stated; the last three, all of them.",
        ),
        PretrainingScheme(
            name="dense-attention",
            corpora=MappingProxyType({"ckplus": 3, "rafdb": 0, "fer2013": 0}),
            label_scheme="macro-3",
            balanced=True,
            counts=None,
            validation=0.2,
            source="Dense connections with mixed attention: CK+, RAF-DB and FER2013 merged",
            unsure="Frames per CK+ sequence and images per class are not stated; the last three.",
        ),
        PretrainingScheme(
            name="mobilevit-svm",
            corpora=MappingProxyType({"ckplus": 3, "oulu_casia": 3, "jaffe": 0, "mug": 8}),
            label_scheme="mobilevit-svm-3",
            balanced=False,
            counts=MappingProxyType({"positive": 3085, "negative": 3263, "surprise": 2994}),
            validation=0.0,
            source="MobileViT with SVM: CK+, Oulu-CASIA VIS, JAFFE and MUG, 9342 images",
            unsure="Six to ten MUG frames near the apex: eight about the middle. The light of "
            "Oulu-CASIA is not stated: strong. What it held out is not stated.",
        ),
    )
}


def list_pretraining_schemes() -> list[str]:
    """Names of all pretraining schemes, sorted."""
    return sorted(_SCHEMES)


def pretraining_scheme(name: str) -> PretrainingScheme:
    """The scheme of that name.

    Raises:
        ConfigError: No scheme has that name; the nearest one is suggested.
    """
    if name not in _SCHEMES:
        raise unknown_name("pretraining scheme", name, _SCHEMES)
    return _SCHEMES[name]


def load_pretraining(
    name: str, roots: Mapping[str, Path] | None = None, *, seed: int = 0
) -> PretrainingSet:
    """Read the corpora of a scheme and group, and balance, their images.

    Args:
        name: One of `list_pretraining_schemes()`.
        roots: Folders of the corpora; one that is not given is looked for as in `roots`.
        seed: Decides which images a balanced scheme keeps.

    Raises:
        ConfigError: No such scheme, or the root of a corpus is not known.
        DataError: A corpus cannot be read.
        ProtocolError: A class has no image.
    """
    scheme = pretraining_scheme(name)
    images: list[Image] = []
    for corpus, stills in scheme.corpora.items():
        images += load_images(corpus, (roots or {}).get(corpus), stills=stills or None)
    return group(scheme, images, seed=seed)


def group(scheme: PretrainingScheme, images: Iterable[Image], *, seed: int = 0) -> PretrainingSet:
    """The images a scheme keeps, in their order, with their classes.

    Raises:
        DataError: A word is outside the label scheme.
        ProtocolError: A class has no image.
    """
    classes = label_scheme(scheme.label_scheme).classes
    kept, targets = labelled(images, label_scheme(scheme.label_scheme))
    if scheme.balanced:
        chosen = _balanced(targets, seed)
        kept = tuple(kept[index] for index in chosen)
        targets = tuple(targets[index] for index in chosen)
    found = Counter(classes[target] for target in targets)
    differences = [
        f"{found[word]} images of class {word}, {scheme.source} states {count}"
        for word, count in (scheme.counts or {}).items()
        if found[word] != count
    ]
    return PretrainingSet(images=kept, targets=targets, differences=tuple(differences))


def _balanced(targets: tuple[int, ...], seed: int) -> list[int]:
    """Indices, ascending, with as many of each class as the smallest class has."""
    classes = np.array(targets)
    smallest = min(Counter(targets).values())
    rng = np.random.default_rng(seed)
    chosen = [
        rng.choice(np.flatnonzero(classes == target), smallest, replace=False)
        for target in sorted(set(targets))
    ]
    return sorted(int(index) for index in np.concatenate(chosen))
