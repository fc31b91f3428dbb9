"""Draw ``overview.png``, the picture in the README, from the synthetic corpus.

Run ``python docs/images/make_overview.py``. The scores shown are those of `flow-svm` for a subject
that it was not fitted on.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

from openmer.clip import Clip
from openmer.datasets import read_manifest, write_corpus
from openmer.evaluation import Protocol, Task, fold_jobs, prepare_task
from openmer.methods import load_method
from openmer.preprocessing import optical_flow, optical_strain, read_gray, read_rgb
from openmer.theme import ACCENT, INK, LINE
from openmer.training import Resources, fit_jobs, plan_run

PICTURE = Path(__file__).with_name("overview.png")
_SHOWN = "synth-a/s2/ep02"


def main() -> None:
    """Make the corpus, fit the subject's fold, draw five panels."""
    mpl.use("Agg")
    with tempfile.TemporaryDirectory() as folder:
        clips = read_manifest(write_corpus(Path(folder) / "corpus", "demo"))
        task = prepare_task(load_method("flow-svm"), clips, protocol=Protocol())
        clip = next((clip for clip in task.clips if clip.key == _SHOWN), task.clips[0])
        _draw(clip, task.scheme.classes, _held_out_scores(task, clip))


def _held_out_scores(task: Task, clip: Clip) -> NDArray[np.float64]:
    """One-against-rest decision values of a clip, from the fold that holds its subject out."""
    job = next(job for job in fold_jobs(task, "fixed", 0) if job.subject_id == clip.subject_id)
    plan = plan_run(task.spec, [job], Resources(strategy="one_by_one"))
    (result,) = fit_jobs([job], task.spec, task.data, plan)
    row = job.predict.index(task.clips.index(clip))
    return np.asarray(result.scores[row], dtype=np.float64)


def _draw(clip: Clip, classes: tuple[str, ...], scores: NDArray[np.float64]) -> None:
    paths = [clip.frame_paths[frame] for frame in (clip.onset or 0, clip.apex or -1)]
    flow_xy = optical_flow(*(read_gray(path) for path in paths))
    plt.rcParams.update({"font.size": 9, "text.color": INK, "font.family": "DejaVu Sans"})
    figure, panels = plt.subplots(1, 5, figsize=(11, 2.35), layout="constrained")
    for panel, path, name in zip(panels, paths, ("onset", "apex"), strict=False):
        panel.imshow(np.moveaxis(read_rgb(path), 0, -1) / 255)
        panel.set_title(f"{name} frame")
    panels[2].imshow(np.moveaxis(read_rgb(paths[0]), 0, -1) / 255, alpha=0.45)
    _arrows(panels[2], flow_xy)
    panels[3].imshow(optical_strain(flow_xy)[0], cmap="magma")
    panels[3].set_title("optical strain")
    for panel in panels[:4]:
        panel.set_axis_off()
    _bars(panels[4], classes, scores)
    figure.savefig(PICTURE, dpi=105, facecolor="white", metadata={"Software": None})
    with Image.open(PICTURE) as image:
        image.convert("RGB").save(PICTURE, optimize=True)


def _arrows(panel: Axes, flow_xy: NDArray[np.float32]) -> None:
    _, height, width = flow_xy.shape
    rows, columns = np.mgrid[5:height:10, 5:width:10]
    u, v = flow_xy[:, rows, columns]
    moves = np.hypot(u, v) > 0.2  # less is noise of the camera
    panel.quiver(
        columns[moves], rows[moves], u[moves], v[moves],
        angles="xy", scale_units="xy", scale=1 / 6, width=0.009, color=ACCENT,
    )  # fmt: skip
    panel.set_title("motion, 6 times enlarged")


def _bars(panel: Axes, classes: tuple[str, ...], scores: NDArray[np.float64]) -> None:
    colours = [ACCENT if score == scores.max() else LINE for score in scores]
    panel.barh(classes, scores, color=colours)
    panel.invert_yaxis()
    panel.set_title("scores, subject held out")
    panel.set_box_aspect(1)
    panel.set_xticks([])
    panel.tick_params(length=0)
    panel.spines[["top", "right", "bottom"]].set_visible(False)


if __name__ == "__main__":
    main()
