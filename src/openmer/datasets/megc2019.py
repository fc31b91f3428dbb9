"""The MEGC 2019 composite: 442 clips of 68 subjects from SMIC, CASME II and SAMM, in three classes.

The rule, which gives exactly the challenge's list (See et al. 2019):

* SMIC HS: all 164 clips.
* CASME II in the coding of 2014: disgust, repression, happiness and surprise, without the two clips
  whose apex is unusable (sub04/EP12_01f says "/", sub05/EP09_05f has its apex at the onset): 145
  clips. Sadness and fear stay out although the challenge's table of words lists them.
* SAMM: all but "Other": 133 clips.

In the coding of 2019 three clips say surprise in place of sadness, which gives another composite;
so the coding is fixed. `label_scheme("megc2019-3")` makes the three classes.

A copy is a folder with ``casme2``, ``samm`` and ``smic`` in it, or three roots, given by name or
found as `roots` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from openmer.clip import Clip
from openmer.datasets import casme2, samm, smic
from openmer.datasets._facts import Options, declared, options_of
from openmer.datasets._reading import Problem, Reading, count_problems, error
from openmer.datasets._registry import Roots, register_composite
from openmer.datasets._registry import read as read_corpus

FACTS = declared("megc2019")

PARTS = MappingProxyType({"smic": "HS", "casme2": "2014", "samm": "v2"})
CLIPS = MappingProxyType({"smic": 164, "casme2": 145, "samm": 133})
SUBJECTS = MappingProxyType({"smic": 16, "casme2": 24, "samm": 28})
CLASSES = MappingProxyType({"negative": 250, "positive": 109, "surprise": 83})

_CASME2_WORDS = frozenset({"disgust", "repression", "happiness", "surprise"})
_UNUSABLE_APEX = frozenset({"casme2/sub04/EP12_01f", "casme2/sub05/EP09_05f"})


def composite(clips: Iterable[Clip]) -> tuple[Clip, ...]:
    """Return the clips that the rule keeps, in their order.

    Args:
        clips: Clips of SMIC HS, CASME II (coding of 2014) and SAMM; others are left out.
    """
    return tuple(clip for clip in clips if _kept(clip))


def _kept(clip: Clip) -> bool:
    word = clip.emotion.strip().lower()
    if clip.corpus == "casme2":
        return word in _CASME2_WORDS and clip.key not in _UNUSABLE_APEX
    if clip.corpus == "samm":
        return word != "other"
    return clip.corpus == "smic"


@register_composite(FACTS, PARTS)
def read(root: Roots, options: Options) -> Reading:
    """Read the composite, SMIC first; a difference to the challenge's counts is fatal."""
    clips: list[Clip] = []
    problems: list[Problem] = []
    for part, variant in PARTS.items():
        own = root.get(part) if isinstance(root, Mapping) else root and root / part
        reading = read_corpus(part, own, _part(part, options))
        problems += reading.problems
        clips += (item for item in reading.items if isinstance(item, Clip))
        if variant == "2014":
            problems += _unguarded(clips)
    kept = composite(clips)
    problems += _part_problems(kept)
    problems += count_problems(FACTS, options, kept)
    return Reading(items=kept, problems=tuple(problems))


def _part(part: str, options: Options) -> Options:
    """Options of a part: SAMM is there in one form only."""
    facts = {"smic": smic.FACTS, "casme2": casme2.FACTS, "samm": samm.FACTS}[part]
    form = "none" if not options.wants_frames else options.frames
    known = form == "none" or form in facts.forms
    return options_of(facts, variant=PARTS[part], frames=form if known else facts.forms[0])


def _unguarded(clips: Iterable[Clip]) -> list[Problem]:
    """Return what shows that the sheet is not the one the two left-out clips were found in."""
    casme2_clips = {clip.key: clip for clip in clips if clip.corpus == "casme2"}
    found = []
    for key in sorted(_UNUSABLE_APEX):
        clip = casme2_clips.get(key)
        if clip is None or clip.apex is not None:
            state = "is absent" if clip is None else f"has an apex (frame {clip.apex})"
            text = f"{state}, expected no usable apex; the sheet is not the coding of 2014"
            found.append(error(key, text))
    for key, clip in casme2_clips.items():
        if clip.apex is None and _kept(clip):
            found.append(error(key, "has no apex, so the composite cannot use it as it should"))
    return found


def _part_problems(clips: Iterable[Clip]) -> list[Problem]:
    """Differences in clips and subjects per part."""
    found = []
    clips = tuple(clips)
    for part in PARTS:
        own = [clip for clip in clips if clip.corpus == part]
        subjects = len({clip.subject_id for clip in own})
        for what, got, expected in (
            ("clips", len(own), CLIPS[part]),
            ("subjects", subjects, SUBJECTS[part]),
        ):
            if got != expected:
                found.append(error(f"megc2019/{part}", f"{got} {what}, expected {expected}"))
    return found
