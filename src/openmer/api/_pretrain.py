"""Make the weights that a method starts from, on macro-expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmer.api._display import Displayed, frame
from openmer.api._evaluate import Device, method_of
from openmer.api._progress import progress as shown
from openmer.methods import Method
from openmer.preprocessing import Failures
from openmer.pretraining import PretrainResources, prepare_pretraining, run_pretraining

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False, eq=False)
class Pretrained(Displayed):
    """Weights to start from, and what is known of them.

    Attributes:
        folder: Holds the weights and their card.
        weights: The file, for ``overrides=[f"model.weights={weights}"]``.
        card: What they were made of, and their scores.
    """

    folder: Path
    weights: Path
    card: Mapping[str, Any]

    def to_frame(self) -> DataFrame:
        """Return a table with a row for each class."""
        scores, data = self.card["scores"], self.card["data"]
        return frame(
            {"class": name, "training": data["training"][name],
             "validation": data["validation"][name], "recall": scores["recall"][name],
             "f1": scores["f1"][name]}
            for name in self.card["classes"]
        )  # fmt: skip

    def _line(self) -> str:
        return f"{self.weights}, UF1 {self.card['scores']['uf1']:.3f} on validation images"


def pretrain(
    method: str | Path | Method,
    roots: Mapping[str, str | Path] | None = None,
    *,
    images: str | Path | None = None,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    seed: int = 0,
    device: Device = "auto",
    threads: int = 0,
    half: bool = False,
    progress: bool = True,
) -> Pretrained:
    """Pretrain a method's network on images of macro-expressions; an interrupted run goes on.

    Args:
        method: As in `evaluate`, with a table ``[pretraining]``.
        roots: The folder of each corpus of the scheme by its name.
        images: A CSV of images of your own, with the columns corpus, subject, image, label.
        out: Folder for weights and card; None is ``pretrained/<method>``.
        overrides: As in `evaluate`.
        seed: Same seed, same bytes.
        device: As in `evaluate`.
        threads: Of PyTorch; 0 is one per core.
        half: Store the weights in half precision.
        progress: As in `evaluate`.

    Returns:
        The file of weights, and its card: data, settings, scores.

    Raises:
        ConfigError: The method has no pretraining.
        DataError: The images cannot be read, or the folder cannot be written.

    Example:
        weights = openmer.pretrain("efficient-me", images="images.csv").weights
        changes = [f"model.weights={weights}"]
        result = openmer.evaluate("efficient-me", "clips.csv", overrides=changes)
    """
    chosen = method_of(method, overrides)
    folder = Path(out) if out is not None else Path("pretrained") / chosen.name
    with shown(progress) as report:
        task = prepare_pretraining(
            chosen,
            {name: Path(root) for name, root in (roots or {}).items()},
            images=None if images is None else Path(images),
            seed=seed,
            failures=Failures("list"),
            on_progress=report,
        )
        resources = PretrainResources(device=device, threads=threads)
        card = run_pretraining(task, folder, resources=resources, half=half, on_progress=report)
    return Pretrained(folder, folder / f"{chosen.name}.safetensors", card)
