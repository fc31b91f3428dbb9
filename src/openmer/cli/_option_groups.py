"""Options that belong together, as one parameter of a command; each knows what to make of them."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from openmer import datasets, deployment, evaluation, methods, preprocessing, training
from openmer.cli import _options as options
from openmer.cli._console import tell, warn
from openmer.errors import ConfigError, DataError

if TYPE_CHECKING:
    from openmer.clip import Clip
    from openmer.datasets import ClipSource
    from openmer.deployment import FittedModel, Moments
    from openmer.evaluation import Progress, Protocol, Task
    from openmer.methods import Method
    from openmer.training import Resources


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of its groups in place of the groups.

    Every parameter whose type is a dataclass becomes the options that its fields declare.
    """
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if is_dataclass(parameter.annotation)
    }
    parameters = list(_parameters(signature))

    @functools.wraps(command)
    def call(**given: object) -> None:
        made = {
            name: group(**{each.name: given.pop(each.name) for each in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    return call


def _parameters(signature: inspect.Signature) -> Iterator[inspect.Parameter]:
    """Yield the parameters of a command, its groups replaced by their fields."""
    for parameter in signature.parameters.values():
        group = parameter.annotation
        if not is_dataclass(group):
            yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        types = get_type_hints(group, include_extras=True)
        for each in fields(group):
            default = inspect.Parameter.empty if each.default is MISSING else each.default
            yield inspect.Parameter(
                each.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=types[each.name],
            )


@dataclass(frozen=True, slots=True)
class Clips:
    """The clips that a command works on: a manifest, or a corpus by its name."""

    manifest: options.Manifest = None
    corpus: options.Corpus = None
    root: options.Roots = None
    variant: options.Variant = None
    frames: options.Frames = None
    column: options.Columns = None
    same_subject: options.SameSubject = None
    faces: options.FacesOption = None

    @property
    def given(self) -> bool:
        """Whether clips were named at all."""
        return bool(self.manifest or self.corpus or self.root)

    def read(self, *, strict: bool = False) -> ClipSource:
        """Read the clips; warn of what to know before a score of them is believed.

        Args:
            strict: Refuse a corpus in which a clip cannot be read.

        Raises:
            ConfigError: Both or neither of --manifest and --corpus are given, or options of a
                corpus without one; or a name, a root, a column or a pair of subjects is wrong.
            DataError: The clips cannot be read.
        """
        headers = tuple(self.column or ())
        with datasets.headers_named(headers):
            source = replace(self._source(strict), headers=headers)
        source = source.merged(self.same_subject or ())
        if self.faces is not None:
            source = source.with_faces(cropped=self.faces == "cropped")
        warn(source.warning)
        return source

    def _source(self, strict: bool) -> ClipSource:
        if (self.manifest is None) == (self.corpus is None):
            found = "neither" if self.manifest is None else "both"
            raise ConfigError(
                f"Found {found} of --manifest and --corpus, expected one: --manifest FILE for "
                "clips of your own, or --corpus NAME for one of `openmer datasets list`."
            )
        if self.corpus is not None:
            return datasets.from_corpus(
                self.corpus,
                corpus_roots(self.corpus, self.root or ()),
                variant=self.variant,
                frames=self.frames,
                strict=strict,
            )
        given = {"--root": self.root, "--variant": self.variant, "--frames": self.frames}
        alone = [name for name, value in given.items() if value]
        if alone or self.manifest is None:
            raise ConfigError(
                f"Found {', '.join(alone)} beside --manifest, expected it only with --corpus. "
                "Leave it out, or give --corpus NAME in place of --manifest."
            )
        return datasets.from_manifest(self.manifest)


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and how to train."""

    device: options.DeviceOption = "auto"
    workers: options.Workers = 0

    @property
    def resources(self) -> Resources:
        """The resources of a training."""
        return training.Resources(device=self.device, workers=self.workers)


@dataclass(frozen=True, slots=True)
class FoldCompute(Compute):
    """Where and how to train many folds."""

    memory_gib: options.MemoryGib = 0.0
    strategy: options.StrategyOption = "auto"
    compiled: options.CompiledOption = "auto"

    @property
    def resources(self) -> Resources:
        """The resources of a training."""
        return training.Resources(
            device=self.device,
            workers=self.workers,
            memory_gib=self.memory_gib,
            strategy=self.strategy,
            compiled=self.compiled,
        )


@dataclass(frozen=True, slots=True)
class Work:
    """A method and the clips that it is trained on."""

    method: options.MethodName
    overrides: options.Overrides = None
    label_scheme: options.LabelSchemeOption = None
    search: options.SearchFile = None
    on_failure: options.FailureOption = "list"

    def load(self) -> Method:
        """Load the method, with what is to be replaced.

        Raises:
            ConfigError: There is none, or what replaces its values is wrong.
        """
        found = methods.load_method(self.method, self.overrides or (), self.search)
        if self.label_scheme is None:
            return found
        return methods.with_label_scheme(found, self.label_scheme)

    def read(self, clips: Clips) -> ClipSource:
        """Read the clips; with ``--on-failure error`` every one of them must be readable.

        Raises:
            OpenMERError: As `Clips.read`.
        """
        return clips.read(strict=self.on_failure == "error")

    def prepare(
        self,
        method: Method,
        source: ClipSource,
        protocol: Protocol,
        workers: int,
        report: Progress,
    ) -> Task:
        """Prepare the arrays of the method's clips; warn where its weights have seen them.

        Raises:
            OpenMERError: As `openmer.evaluation.prepare_task`.
        """
        task = prepare(method, source, protocol, workers, report, self.on_failure)
        seen = evaluation.seen_subjects(task)
        if seen:
            warn(
                f"LEAKY: pictures of {len(seen)} of {len(task.folds)} tested subjects, {seen[0]} "
                f"for one, made the weights {evaluation.start_of(task.method)}. `openmer audit` "
                "names them all."
            )
        return task


@dataclass(frozen=True, slots=True)
class Movement:
    """When a movement happens in frames that no manifest describes."""

    onset: options.Onset = None
    apex: options.Apex = None
    offset: options.Offset = None
    fps: options.Fps = None

    @property
    def moments(self) -> Moments:
        """When the movement happens.

        Raises:
            ConfigError: The frames per second are no rate.
        """
        return deployment.Moments(
            onset=self.onset, apex=self.apex, offset=self.offset, fps=fps_of(self.fps)
        )


@dataclass(frozen=True, slots=True)
class VideoModel:
    """What finds and names the movements of a video."""

    model: options.ModelFolder = None
    no_model: options.NoModel = False

    def load(self) -> FittedModel | None:
        """Load the model asked for; None with --no-model.

        Raises:
            ConfigError: Both options are given.
            DataError: The folder holds no model.
        """
        self.check()
        if self.no_model:
            return None
        return (
            deployment.default_model() if self.model is None else deployment.read_model(self.model)
        )

    def check(self) -> None:
        """Refuse both options at once.

        Raises:
            ConfigError: Both are given.
        """
        if self.model is not None and self.no_model:
            raise ConfigError("Found both --model and --no-model; expected one of them at most.")


def prepare(
    method: Method,
    source: ClipSource,
    protocol: Protocol,
    workers: int,
    report: Progress,
    on_failure: options.OnFailure = "list",
) -> Task:
    """Prepare the arrays of a method's clips, kept in the cache.

    Raises:
        OpenMERError: As `openmer.evaluation.prepare_task`.
    """
    return evaluation.prepare_task(
        method,
        source,
        protocol=protocol,
        cache=preprocessing.ArrayCache(),
        workers=workers,
        on_failure=on_failure,
        on_progress=report,
    )


def tell_failures(task: Task) -> None:
    """List the clips that could not be prepared."""
    tell(preprocessing.listed(task.failures, of=task.asked))


def fps_of(text: str | None) -> Fraction | None:
    """Read the rate that a text gives; None for none.

    Raises:
        ConfigError: It is no rate.
    """
    if text is None:
        return None
    rate = datasets.read_rate(text)
    if rate is None:
        raise ConfigError(
            f"--fps is {text[:40]!r}, which is no rate. Write 200, 29.97 or 30000/1001."
        )
    return rate


def corpus_roots(corpus: str, given: Sequence[str]) -> Path | dict[str, Path] | None:
    """Return the roots of a corpus or its parts; a composite's plain folder holds all its parts.

    Raises:
        ConfigError: A corpus that is no composite has more than one.
    """
    if not given:
        return None
    named: dict[str, Path] = {}
    folders: list[Path] = []
    parts = datasets.parts_of(corpus)
    for text in given:
        part, equals, path = text.partition("=")
        if equals and re.fullmatch(r"\w+", part):
            named[part] = Path(path)
        else:
            folders.append(Path(text))
    some_twice = len(named) + len(folders) < len(given) or len(folders) > 1
    if some_twice or (named and folders and len(parts) == 1):
        raise ConfigError(
            f"Found {len(given)} folders for {corpus}, expected one. The parts of a composite may "
            "have one each, as --root casme2=PATH."
        )
    if not named:
        return folders[0]
    inside = {part: folder / part for folder in folders for part in parts}
    return {**inside, **named}


def clip_named(source: ClipSource, key: str) -> Clip:
    """Return the clip of that key.

    Raises:
        ConfigError: There is none; near or first keys are given.
        DataError: The corpus lists it, but it could not be read.
    """
    by_key = {clip.key: clip for clip in source.clips}
    for difference in source.differences:
        if key not in by_key and difference.startswith(f"{key}: "):
            raise DataError(f"{difference.rstrip('.')}. Repair the copy of {source.title}.")
    if key not in by_key:
        near = difflib.get_close_matches(key, by_key, n=3, cutoff=0.3) or list(by_key)[:3]
        raise ConfigError(
            f"There is no clip {key!r} among the {len(by_key)} of {source.title}. "
            f"Near or first ones: {', '.join(near)}."
        )
    return by_key[key]
