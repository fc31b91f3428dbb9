"""What each paper pretrained on: corpora, classes, balance, and the counts it states.

Corpora that a paper merges are rarely all at hand. A scheme of several is read from those that are,
and what is left out is said wherever the images are described.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openmer.clip import Image
from openmer.config import read_toml
from openmer.datasets._label_files import label_scheme
from openmer.datasets._labels import labelled
from openmer.datasets._own_images import OwnImages
from openmer.datasets._registry import facts, load_images
from openmer.datasets._roots import how_to_give, known_root
from openmer.errors import ConfigError, unknown_name


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingScheme:
    """A set of labelled images as a paper describes it.

    Attributes:
        name: How it is called in a method file.
        corpora: Name of each corpus to the images taken from each of its sequences; 0 for images.
        label_scheme: Which classes its words make.
        balanced: Every class is cut, at random, to the size of the smallest.
        counts: Images per class that the paper states; None where it states none.
        validation: Share of the images that the paper held out.
        source: The paper.
        unsure: What the paper leaves open, and what was chosen.
        any_subset: The corpora are merged, and those that are at hand will do.
    """

    name: str
    corpora: Mapping[str, int]
    label_scheme: str
    balanced: bool
    validation: float
    source: str
    counts: Mapping[str, int] | None = None
    unsure: str = ""
    any_subset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingSet:
    """The images of a scheme.

    Attributes:
        images: In the order of the corpora and of their lists, a user's own after them.
        targets: Class index of each image.
        differences: What does not agree with the paper, in words: corpora that are left out, images
            of a user's own, other counts; none is good.
        corpora: Corpora of the scheme that were read from their folders, in its order.
        left_out: Those that were not.
    """

    images: tuple[Image, ...]
    targets: tuple[int, ...]
    differences: tuple[str, ...]
    corpora: tuple[str, ...]
    left_out: tuple[str, ...]


def _schemes() -> dict[str, PretrainingScheme]:
    """Read the schemes that come with OpenMER, by name."""
    tables = read_toml(Path(__file__).with_name("pretraining_schemes.toml"), "pretraining schemes")
    return {one["name"]: PretrainingScheme(**one) for one in tables["pretraining_scheme"]}


_SCHEMES = _schemes()


def list_pretraining_schemes() -> list[str]:
    """Names of all pretraining schemes, sorted."""
    return sorted(_SCHEMES)


def pretraining_scheme(name: str) -> PretrainingScheme:
    """Return the scheme of that name.

    Raises:
        ConfigError: No scheme has that name; the nearest one is suggested.
    """
    if name not in _SCHEMES:
        raise unknown_name("pretraining scheme", name, _SCHEMES)
    return _SCHEMES[name]


def load_pretraining(
    name: str,
    roots: Mapping[str, Path] | None = None,
    *,
    own: OwnImages | None = None,
    seed: int = 0,
) -> PretrainingSet:
    """Read the images of a scheme, or a user's own in its classes, and group and balance them.

    Where roots or images of one's own are given, these are what is read: of a scheme that takes any
    subset no other corpus, of another one no other either if only images are given. Otherwise all
    corpora are read whose folder the environment or the config file knows (see `roots`).

    Args:
        name: One of `list_pretraining_schemes()`.
        roots: Folders of the corpora by name; empty is the same as None.
        own: Images of a user's own, merged with those of the corpora.
        seed: Decides which images a balanced scheme keeps.

    Raises:
        ConfigError: No such scheme; a root is of no corpus of it; no corpus of a scheme is at hand,
            or the root of one that it needs is not known.
        DataError: A corpus cannot be read; a word is outside the label scheme.
        ProtocolError: A class has no image.
    """
    scheme = pretraining_scheme(name)
    given = roots or {}
    images: list[Image] = []
    corpora = _chosen(scheme, given, alone=own is not None)
    for corpus in corpora:
        per_sequence = scheme.corpora[corpus]
        images += load_images(corpus, given.get(corpus), per_sequence=per_sequence or None)
    return group(scheme, images, corpora=corpora, own=own, seed=seed)


def group(
    scheme: PretrainingScheme,
    images: Iterable[Image],
    *,
    corpora: Iterable[str] | None = None,
    own: OwnImages | None = None,
    seed: int = 0,
) -> PretrainingSet:
    """Return the images a scheme keeps, in their order, with their classes.

    Args:
        scheme: Which classes there are, and whether they are balanced.
        images: Of the corpora.
        corpora: What they were read from; None is all of the scheme.
        own: Images of a user's own, which come after them.
        seed: Decides which images a balanced scheme keeps.

    Raises:
        DataError: A word is outside the label scheme.
        ProtocolError: A class has no image.
    """
    read = tuple(scheme.corpora if corpora is None else corpora)
    labels = label_scheme(scheme.label_scheme)
    kept, targets = labelled([*images, *(() if own is None else own.images)], labels)
    if scheme.balanced:
        chosen = _balanced(targets, seed)
        kept = tuple(kept[index] for index in chosen)
        targets = tuple(targets[index] for index in chosen)
    found = Counter(labels.classes[target] for target in targets)
    left_out = tuple(corpus for corpus in scheme.corpora if corpus not in read)
    counts = (
        f"{found[word]} images of class {word}, {scheme.source} states {count}"
        for word, count in (scheme.counts or {}).items()
        if found[word] != count
    )
    return PretrainingSet(
        images=kept,
        targets=targets,
        differences=(*_other_sources(left_out, own), *counts),
        corpora=read,
        left_out=left_out,
    )


def _chosen(
    scheme: PretrainingScheme, roots: Mapping[str, Path], *, alone: bool
) -> tuple[str, ...]:
    """Choose the corpora to read; `alone`: a user's own images may stand without any."""
    for name in roots:
        if name not in scheme.corpora:
            raise unknown_name("corpus of this pretraining called", name, scheme.corpora)
    named = tuple(name for name in scheme.corpora if name in roots)
    if not named and alone:
        return ()
    if not scheme.any_subset:
        return tuple(scheme.corpora)
    known = named or tuple(name for name in scheme.corpora if known_root(name) is not None)
    if not known:
        raise _none_at_hand(scheme)
    return known


def _none_at_hand(scheme: PretrainingScheme) -> ConfigError:
    """Return the error that names every corpus, of which any would do."""
    first = next(iter(scheme.corpora))
    names = ", ".join(f"{facts(name).title} ({name})" for name in scheme.corpora)
    return ConfigError(
        f"No corpus of the pretraining {scheme.name!r} is at hand, and any of these will do: "
        f"{names}. {how_to_give(first, f'the folder of one, here of {first},')} Or give images of "
        f"your own (--images FILE.csv). How to get a copy: openmer datasets access {first}"
    )


def _other_sources(left_out: tuple[str, ...], own: OwnImages | None) -> list[str]:
    """List which images are not from where the paper has them."""
    texts = [f"{facts(name).title} is left out, the paper has it" for name in left_out]
    if own is not None:
        texts.append(f"{len(own.images)} images come from {own.file}, the paper has none of them")
    return texts


def _balanced(targets: tuple[int, ...], seed: int) -> list[int]:
    """Choose indices, ascending, with as many of each class as the smallest class has."""
    classes = np.array(targets)
    smallest = min(Counter(targets).values())
    rng = np.random.default_rng(seed)
    chosen = [
        rng.choice(np.flatnonzero(classes == target), smallest, replace=False)
        for target in sorted(set(targets))
    ]
    return sorted(int(index) for index in np.concatenate(chosen))
