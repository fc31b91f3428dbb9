"""Show where in a clip a network's decision comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from openmer.api._clips import Source
from openmer.api._display import Displayed, frame
from openmer.api._evaluate import Device, method_of, task_of
from openmer.api._model import Model, fitted_of, samples_of
from openmer.api._progress import progress as shown
from openmer.clip import Clip
from openmer.datasets import LabelScheme
from openmer.errors import ConfigError
from openmer.evaluation import Protocol
from openmer.explanation import (
    SaliencyKind,
    SaliencyMap,
    draw_saliency_map,
    explain_held_out,
    explain_sample,
    honest_rule,
    require_captum,
    write_figure,
)
from openmer.methods import Method
from openmer.training import FloatArray, Resources

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True, repr=False, eq=False)
class Explanation(Displayed):
    """Which places of a clip raise a class.

    Attributes:
        found: The saliency map, and the network that it is of.
    """

    found: SaliencyMap

    @property
    def saliency(self) -> FloatArray:
        """The map, shape ``(height, width)`` of the network's input, 0..1."""
        return self.found.found.saliency

    @property
    def cautions(self) -> tuple[str, ...]:
        """What to know before reading it, a sentence each."""
        return self.found.cautions

    def plot(self) -> Figure:
        """Draw the map over the input."""
        return draw_saliency_map(self.found)

    def save(self, path: str | Path) -> Path:
        """Write the figure as PNG, and return its path.

        Raises:
            DataError: It cannot be written.
        """
        write_figure(Path(path), self.plot())
        return Path(path)

    def to_frame(self) -> DataFrame:
        """Return a table of the scores of each class."""
        return frame({"class": self.found.by.classes, "score": self.found.scores})

    def _line(self) -> str:
        names = self.found.by.classes
        said, explained = names[self.found.predicted], names[self.found.explained]
        return f"{self.found.by.title} says {said} of {self.found.name}; explained: {explained}"


def explain(
    clip: str | Clip | Path,
    clips: Source | None = None,
    *,
    method: str | Path | Method | None = None,
    model: Model | str | Path | None = None,
    class_name: str = "",
    saliency: SaliencyKind = "grad-cam",
    overrides: Sequence[str] = (),
    label_scheme: str | LabelScheme | None = None,
    seed: int = 0,
    device: Device = "auto",
    workers: int = 0,
    progress: bool = True,
) -> Explanation:
    """Explain a decision, by a network that has not seen the subject, or by a model for use.

    Args:
        clip: With `method` the key of a clip ("casme2/sub01/EP02_01f") or a clip; with `model` a
            clip, a folder of frames or an image.
        clips: With `method`: all clips, as in `evaluate`.
        method: Train the fold of this method in which the clip's subject is held out.
        model: In place of `method`: what `load_model` takes or returns.
        class_name: The class to explain; the predicted one where it is empty.
        saliency: "grad-cam" or "hires-cam".
        overrides: As in `evaluate`, with `method`.
        label_scheme: As in `evaluate`, with `method`.
        seed: Of the training, with `method`.
        device: As in `evaluate`.
        workers: As in `evaluate`.
        progress: As in `evaluate`.

    Returns:
        The saliency map, and cautions for a reader.

    Raises:
        ConfigError: Both or neither of `method` and `model` are given, the network has no maps,
            or Captum is missing.
        DataError: There is no such clip, or it cannot be prepared.

    Example:
        clips = openmer.load_clips("clips.csv")
        changes = ["training.epochs=20"]
        why = openmer.explain(clips[0], clips, method="ststnet", overrides=changes)
        why.save("saliency.png")
    """
    require_captum()
    if (method is None) == (model is None) or (method is not None and clips is None):
        raise ConfigError(
            "Give either method= with clips, to train the fold without the clip's subject, or "
            "model=, to ask a trained model."
        )
    if method is None:
        (sample,) = samples_of(clip)
        fitted = fitted_of(model)
        return Explanation(explain_sample(fitted, sample, class_name=class_name, kind=saliency))
    chosen = method_of(method, overrides, label_scheme)
    key = clip.key if isinstance(clip, Clip) else str(clip)
    with shown(progress) as report:
        protocol = Protocol(epoch_rule=honest_rule(chosen))
        task = task_of(chosen, clips or (), protocol, workers, report)
        found = explain_held_out(
            task, key, class_name=class_name, kind=saliency, seed=seed,
            resources=Resources(device=device),
        )  # fmt: skip
    return Explanation(found)
