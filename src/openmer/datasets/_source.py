"""Where the clips of a run come from: a corpus or a manifest, and how it differs from a whole one.

`from_corpus` and `from_manifest` give a `ClipSource`, which goes wherever clips go into an
evaluation and is written into the record of the run.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from openmer.clip import Clip
from openmer.datasets._corrections import read_corrections
from openmer.datasets._facts import NAMES_ONLY, CorpusFacts, options_of
from openmer.datasets._manifest import read_with_notes
from openmer.datasets._reading import Problem
from openmer.datasets._registry import (
    GivenRoot,
    counted,
    facts,
    list_datasets,
    parts_of,
    read,
    refuse,
)
from openmer.datasets._subject_ids import ids_to_check, merge_subjects
from openmer.errors import ConfigError, DataError, unknown_name
from openmer.files import readable

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSource:
    """Clips, and where they were read from.

    Attributes:
        clips: In the order of the authors' list, or of the manifest's rows.
        kind: What they were read from.
        name: The corpus ("casme2"), or the file name of the manifest.
        title: How a reader calls it ("CASME II"); the file name of a manifest.
        variant: The coding or recording of the corpus; "" for a manifest.
        frames: The form of the corpus's frames; "" for a manifest.
        root: The folder that was given; None where it was found otherwise.
        part: The corpus to which the clips were narrowed down; "" where they were not.
        sha256: Digest of the manifest's bytes, 64 hex digits; "" for a corpus.
        clips_expected: Clips in a whole copy; None where not known.
        subjects_expected: Subjects in a whole copy; None where not known.
        differences: Every way in which a corpus differs from a whole copy, one text each, the
            counts of the corpus first: other counts, and items that could not be read.
        same_subject: Pairs of ids that were said to be one subject, ``A=B`` each.
        headers: Headers of the sheet or manifest that the user named, ``COLUMN=HEADER`` each.
        notes: What of a manifest was read otherwise than it is written, one text each.
        corrections: For each corpus whose annotation is corrected, a digest of its corrections.
    """

    clips: tuple[Clip, ...]
    kind: Literal["corpus", "manifest"]
    name: str
    title: str
    variant: str = ""
    frames: str = ""
    root: Path | None = None
    part: str = ""
    sha256: str = ""
    clips_expected: int | None = None
    subjects_expected: int | None = None
    differences: tuple[str, ...] = ()
    same_subject: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    corrections: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def subjects(self) -> int:
        """How many subjects the clips show."""
        return len({clip.subject_id for clip in self.clips})

    @property
    def ids_to_check(self) -> tuple[str, ...]:
        """What may be one subject under two ids, one text each."""
        return ids_to_check(self.clips)

    def merged(self, pairs: Sequence[str]) -> ClipSource:
        """Return the source with one id for each subject that has two.

        Args:
            pairs: As in `merge_subjects`.

        Raises:
            ConfigError: A pair has another form, or names a subject that no clip shows.
        """
        if not pairs:
            return self
        clips = merge_subjects(self.clips, pairs)
        return replace(self, clips=clips, same_subject=(*self.same_subject, *pairs))

    def with_faces(self, *, cropped: bool) -> ClipSource:
        """Return the source with it said of all frames whether they are a face and little else."""
        return replace(self, clips=tuple(replace(clip, cropped=cropped) for clip in self.clips))

    @property
    def warning(self) -> str:
        """What to know before a score of it is believed; "" where there is nothing to say."""
        said = [f"{self.title}: {text}." for text in self.notes]
        return "\n".join(text for text in (self._difference, *said, self._doubt) if text)

    @property
    def _doubt(self) -> str:
        """One line on ids that may be one subject."""
        found = self.ids_to_check
        if not found:
            return ""
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return (
            f"Ids to be checked: {'; '.join(found[:_SHOWN])}{more}. One subject under two ids is a "
            "leak. Nothing was merged: --same-subject A=B says that they are one."
        )

    @property
    def _difference(self) -> str:
        """One line on how it differs from a whole copy."""
        if not self.differences:
            return ""
        shown = [text.removeprefix(f"{self.name}: ") for text in self.differences[:_SHOWN]]
        more = len(self.differences) - len(shown)
        shown += [f"and {more} more"] if more else []
        folder = [] if self.root is None else [str(self.root)]
        command = ["openmer", "datasets", "check", self.name, *folder, "--variant", self.variant]
        command += ["--frames", self.frames] if self.frames else []
        command += [word for header in self.headers for word in ("--column", header)]
        return (
            f"{self.title} ({self.variant}) differs from a whole copy: {'; '.join(shown)}. "
            f"All differences: {shlex.join(command)}"
        )

    def only(self, corpus: str) -> ClipSource:
        """Return the clips of one corpus alone, with the differences that speak of it.

        What a whole copy has is then not known. A source that is that corpus stays as it is.
        """
        if self.kind == "corpus" and self.name == corpus:
            return self
        own = (f"{corpus}:", f"{corpus}/", f"{self.name}/{corpus}:")
        return replace(
            self,
            clips=tuple(clip for clip in self.clips if clip.corpus == corpus),
            part=corpus,
            clips_expected=None,
            subjects_expected=None,
            differences=tuple(text for text in self.differences if text.startswith(own)),
        )

    def record(self) -> dict[str, Any]:
        """Return the table ``[source]`` of a run: all but the clips; what is unknown is left out.

        Folders do not stand there, only the file name of a manifest.
        """
        known = {
            "kind": self.kind,
            self.kind: self.name,
            "title": self.title,
            "variant": self.variant,
            "frames": self.frames,
            "part": self.part,
            "sha256": self.sha256,
            "clips": len(self.clips),
            "clips_expected": self.clips_expected,
            "subjects": self.subjects,
            "subjects_expected": self.subjects_expected,
            "differences": list(self.differences),
            "ids_to_check": list(self.ids_to_check),
            "cropped": sum(clip.cropped for clip in self.clips) or None,
            "apex_only": sum(clip.apex_only for clip in self.clips) or None,
            "same_subject": list(self.same_subject),
            "headers": list(self.headers),
            "notes": list(self.notes),
            "corrections": dict(self.corrections),
        }
        return {key: value for key, value in known.items() if value not in (None, "", [], {})}


def clip_corpora() -> list[str]:
    """Names of the corpora of micro-expression clips and of their composites, sorted."""
    return [name for name in list_datasets() if facts(name).holds == "clips"]


def from_manifest(path: Path) -> ClipSource:
    """Read the clips of a manifest.

    Args:
        path: The CSV file (see `read_manifest`).

    Raises:
        DataError: As `read_manifest`.
    """
    clips, notes = read_with_notes(path)
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    name = readable(Path(path).name)
    return ClipSource(
        clips=clips, kind="manifest", name=name, title=name, sha256=digest, notes=notes
    )


def from_corpus(
    name: str,
    root: GivenRoot = None,
    *,
    variant: str | None = None,
    frames: str | None = None,
    strict: bool = False,
) -> ClipSource:
    """Read the clips of a corpus and compare them with a whole copy of it.

    Args:
        name: One of `clip_corpora()`.
        root: As in `load_clips`: a folder, the folders of a composite's parts by their names, or
            None.
        variant: The coding or recording; None is the first.
        frames: The form of the frames; None is the first.
        strict: Refuse a copy in which a clip cannot be read, or a composite whose counts differ;
            otherwise both are among the `differences`.

    Raises:
        ConfigError: No such corpus, variant or form; it holds images; the root is not known.
        DataError: The corpus is not there, or nothing of it can be read, or it is refused.
    """
    corpus = _of_clips(name)
    options = options_of(corpus, variant=variant, frames=frames)
    if not options.wants_frames:
        raise ConfigError(
            f"The form of the frames is {NAMES_ONLY!r}, which reads names only, but a method needs "
            f"frames. Give one of {', '.join(corpus.forms)}."
        )
    found = read(name, root, options)
    if strict:
        refuse(name, found)
    reading = counted(name, found, options)
    clips = tuple(item for item in reading.items if isinstance(item, Clip))
    if not clips:
        shown = "; ".join(str(problem) for problem in reading.problems[:_SHOWN])
        raise DataError(f"No clip of {corpus.title} can be read: {shown}")
    expected = corpus.variants[options.variant]
    return ClipSource(
        clips=clips,
        kind="corpus",
        name=name,
        title=corpus.title,
        variant=options.variant,
        frames=options.frames,
        root=None if root is None or isinstance(root, Mapping) else Path(root),
        clips_expected=expected.items,
        subjects_expected=expected.subjects,
        differences=_differences(name, found.problems, reading.problems),
        corrections=_corrections(name),
    )


def _of_clips(name: str) -> CorpusFacts:
    known = clip_corpora()
    if name in known:
        return facts(name)
    if name in list_datasets():
        raise ConfigError(
            f"{facts(name).title} holds images of macro-expressions, but a method is evaluated on "
            f"clips of micro-expressions. Give one of {', '.join(known)}."
        )
    raise unknown_name("corpus", name, known)


def _differences(
    name: str, read_before: tuple[Problem, ...], all_problems: tuple[Problem, ...]
) -> tuple[str, ...]:
    """List what is fatal or a count, that of the whole corpus first; leave notes out."""
    notes = {problem for problem in read_before if not problem.fatal}
    kept = [problem for problem in all_problems if problem not in notes]
    return tuple(str(problem) for problem in sorted(kept, key=lambda found: found.where != name))


def _corrections(name: str) -> Mapping[str, str]:
    """Return a digest of the corrections of each part that has some."""
    rows = {part: read_corrections(part) for part in parts_of(name)}
    return MappingProxyType(
        {
            part: hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]
            for part, found in rows.items()
            if found
        }
    )
