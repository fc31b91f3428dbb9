"""Whose pictures made the weights of a method, whose clips its settings, and who of them is tested.

A pretraining or a search that has seen a tested subject is a leak. Subjects are compared as
``corpus/subject``, for equality; one subject under two ids, or in a corpus that names nobody,
cannot be found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from openmer.clip import Clip
from openmer.errors import ProtocolError
from openmer.evaluation._experiment import Task
from openmer.methods import Method
from openmer.models import load_weights

_LISTS = ("named", "unnamed", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSubjects:
    """Who is on the pictures that made some weights, as far as that is known.

    Attributes:
        named: Subjects, unique across corpora ("ckplus/S005"), sorted.
        unnamed: Corpora with pictures of nobody in particular, sorted; "imagenet" is one.
        unknown: Files of weights that do not say whose pictures made them, sorted.
    """

    named: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def record(self) -> dict[str, list[str]]:
        """Return the key ``subjects`` of a card."""
        return {name: list(found) for name, found in asdict(self).items()}


def merged(parts: Iterable[SeenSubjects]) -> SeenSubjects:
    """Everybody of all parts, each once."""
    found = tuple(parts)
    return SeenSubjects(
        named=_sorted(name for part in found for name in part.named),
        unnamed=_sorted(name for part in found for name in part.unnamed),
        unknown=_sorted(name for part in found for name in part.unknown),
    )


def subjects_of_weights(stored: str) -> SeenSubjects:
    """Who is on the pictures that made stored weights, by the card inside them.

    Args:
        stored: As in `openmer.models.load_weights`; or "imagenet"; "" and "scratch" stand
            for random weights, which nobody's pictures made.

    Raises:
        ConfigError: No weights have that name.
        DataError: The file is missing or broken.
    """
    if stored in ("", "scratch"):
        return SeenSubjects()
    if stored == "imagenet":
        return SeenSubjects(unnamed=(stored,))
    return _subjects_of_card(load_weights(stored).card, Path(stored).name)


def seen_subjects(task: Task) -> tuple[str, ...]:
    """List the held-out subjects on whose images the weights were made; good is none."""
    seen = subjects_of_weights(start_of(task.method)).named
    return tuple(sorted(set(task.tested_subjects) & set(seen)))


def chose_settings(
    method: Method, tested: Iterable[str], clips: Iterable[Clip] = ()
) -> tuple[str, ...]:
    """Return the tested subjects whose clips chose the settings of a method; none is right.

    Args:
        method: The method.
        tested: Subjects (`Clip.subject_id`).
        clips: Theirs and others'; they are known by their contents where names have changed.
    """
    if method.searched is None:
        return ()
    everybody, chose = set(tested), set(method.searched.subjects)
    contents = set(method.searched.contents)
    if contents:
        chose |= {clip.subject_id for clip in clips if content_of(clip) in contents}
    return tuple(sorted(everybody & chose))


def content_of(clip: Clip) -> str:
    """Return a digest of a clip's onset and apex frames, or its flow image; "" without files."""
    apex = clip.onset if clip.apex is None else clip.apex
    frames = [clip.frame_paths[i or 0] for i in (clip.onset, apex)] if clip.frame_paths else []
    paths = frames or ([clip.flow_path] if clip.flow_path else [])
    try:
        content = b"".join(path.read_bytes() for path in paths)
    except OSError:
        return ""
    return hashlib.sha256(content).hexdigest()[:12] if content else ""


def refuse_searched(method: Method, tested: Iterable[str], clips: Iterable[Clip] = ()) -> None:
    """Refuse to report a score of settings on the subjects that chose them."""
    everybody = set(tested)
    chose = chose_settings(method, everybody, clips)
    if chose:
        raise ProtocolError(
            f"Clips of {len(chose)} of the {len(everybody)} subjects to be tested, {chose[0]} for "
            f"one, chose the settings of {method.name} ([searched] in its file), so its score on "
            "them says nothing about new subjects. To evaluate the search, put its [search] into "
            "the method it began with, and every fold searches without its own subject. Or test "
            "other subjects."
        )


def start_of(method: Method) -> str:
    """Name the stored weights that the folds start from; "" where these are random."""
    return "" if method.model is None else method.model.weights


def _subjects_of_card(card: Mapping[str, Any], file: str) -> SeenSubjects:
    """Read the subjects of a card; one without the key may say that nobody is named."""
    listed = card.get("subjects")
    if isinstance(listed, dict):
        lists = {name: listed.get(name, []) for name in _LISTS}
        if all(map(_is_list_of_texts, lists.values())):
            return SeenSubjects(**{name: _sorted(found) for name, found in lists.items()})
    data, start = card.get("data"), card.get("start")
    if listed is None and isinstance(data, dict) and data.get("subjects_named") is False:
        before = start.get("from", file) if isinstance(start, dict) else file
        known = before in ("scratch", "imagenet")
        begun = subjects_of_weights(before) if known else SeenSubjects(unknown=(before,))
        return merged([SeenSubjects(unnamed=_sorted(data.get("corpora", ()))), begun])
    return SeenSubjects(unknown=(file,))


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
