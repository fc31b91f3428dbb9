"""Draw a picture of each preprocessing step, from one clip of the synthetic corpus.

Run ``python docs/images/make_steps.py``. It writes ``step-align.png``, ``step-flow.png``,
``step-strain.png``, ``step-magnify.png``, ``step-apex.png``, ``step-interpolate.png``,
``step-dynamic-image.png`` and ``step-size.png``, which the pages in
``docs/reference/preprocessing`` show.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from openmer.clip import Clip
from openmer.datasets.synthetic._clips import SyntheticClip, generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.preprocessing import (
    LUMA,
    Recipe,
    choose_face,
    detect_faces,
    find_alignment,
    find_apex,
    flow_to_rgb,
    interpolate_frames,
    optical_strain,
    round_up,
)
from openmer.preprocessing.faces._align import STYLES
from openmer.preprocessing.flow._colours import colour_wheel
from openmer.theme import APEX, GLOW, GOOD, INK, OFFSET, ONSET, SOFT

Floats = NDArray[np.floating]

FOLDER = Path(__file__).parent
_COLOURS = (ONSET, APEX, OFFSET)
_FPS = 100
_CELL_IN = 2.35


def main() -> None:
    """Write one clip to a folder and draw all steps on it."""
    mpl.use("Agg")
    fonts = {"font.size": 9, "axes.titlesize": 9, "font.family": "DejaVu Sans"}
    plt.rcParams.update({**fonts, "text.color": INK})
    large, small = (_surprise(amplitude) for amplitude in ((2.5, 3.0), (0.7, 0.8)))
    with tempfile.TemporaryDirectory() as folder:
        clip = _written(large, Path(folder) / "large")
        _align(clip)
        _flow(clip, large)
        _strain(clip, large)
        _magnify(_written(small, Path(folder) / "small"), small)
        _apex(clip, large)
        _interpolate(clip)
        _dynamic_image(clip)
        _size(clip)


def _surprise(amplitude_px: tuple[float, float]) -> SyntheticClip:
    """A clip of one surprised subject."""
    part = Part(corpus="synth", subjects=("s1",), fps=Fraction(_FPS), movement_frames=(24, 28))
    plan = CorpusPlan(parts=(part,), clips_per_subject=3, frame_size=224, amplitude_px=amplitude_px)
    return next(clip for clip in generate(plan) if clip.class_name == "surprise")


def _written(made: SyntheticClip, folder: Path) -> Clip:
    folder.mkdir()
    paths = tuple(folder / f"{number:03}.png" for number in range(len(made.frames_rgb)))
    for path, frame in zip(paths, made.frames_rgb, strict=True):
        Image.fromarray(frame).save(path)
    return replace(made.clip, frame_paths=paths)


def _run(clip: Clip, *tables: dict[str, object]) -> Floats:
    return Recipe.from_tables(tables).run(clip)


def _frame(clip: Clip, number: int | None) -> Floats:
    return np.asarray(Image.open(clip.frame_paths[number or 0]), dtype=np.float32)


def _film(clip: Clip) -> Floats:
    """The gray frames from onset to offset."""
    numbers = range(clip.onset or 0, (clip.offset or 0) + 1)
    return np.stack([_frame(clip, number) @ np.array(LUMA, np.float32) for number in numbers])


def _align(clip: Clip) -> None:
    image = _frame(clip, clip.onset)
    face = choose_face(detect_faces([image])[0])
    figure, panels = _row(4)
    _image(panels[0], image, "onset frame, face found")
    x0, y0, x1, y1 = face.box_xyxy
    panels[0].add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, lw=1.6, ec=GOOD))
    panels[0].scatter(*np.array(face.landmarks_xy).T, 16, color=GLOW, ec=INK, lw=0.6)
    for panel, name in zip(panels[1:], STYLES, strict=True):
        aligned = find_alignment(image, style=name).apply(image)
        _image(panel, aligned, f"{name}, {aligned.shape[0]} px")
    _save(figure, "step-align.png")


def _flow(clip: Clip, made: SyntheticClip) -> None:
    flow_xy = _run(clip, {"step": "flow"})
    full = round_up(float(np.hypot(*made.total_flow_xy).max()))
    figure, panels = _row(5, (1, 1, 1, 1, 0.55))
    _image(panels[0], _frame(clip, clip.onset), f"onset, frame {clip.onset}")
    _image(panels[1], _frame(clip, clip.apex), f"apex, frame {clip.apex}")
    _image(panels[2], 255 * flow_to_rgb(flow_xy, full), "flow, tvl1")
    _image(panels[3], 255 * flow_to_rgb(made.total_flow_xy, full), "the true motion")
    panels[4].imshow(colour_wheel())
    panels[4].set_axis_off()
    panels[4].set_title(f"rim: {full:g} px")
    _save(figure, "step-flow.png")


def _strain(clip: Clip, made: SyntheticClip) -> None:
    found = _run(clip, {"step": "flow"}, {"step": "strain"})[2]
    true = optical_strain(made.total_flow_xy)[0]
    full = round_up(float(np.quantile(true, 0.998)))
    figure, panels = _row(3)
    _image(panels[0], _frame(clip, clip.apex), f"apex, frame {clip.apex}")
    for panel, values, title in ((panels[1], found, "strain of the flow"),
                                 (panels[2], true, "strain of the true motion")):  # fmt: skip
        shown = panel.imshow(values, cmap="magma", vmin=0, vmax=full)
        _bare(panel, title)
    figure.colorbar(shown, ax=panels, shrink=0.8, label="pixels per pixel")
    _save(figure, "step-strain.png")


def _magnify(clip: Clip, made: SyntheticClip) -> None:
    step = {"step": "magnify", "alpha": 8.0, "band_hz": [1.0, 12.0]}
    apex = {"step": "apex_frame"}
    numbers = range(clip.onset or 0, (clip.offset or 0) + 1)
    shown = [
        [_run(replace(clip, apex=number), *before, apex) for number in numbers]
        for before in ((), (step,))
    ]
    place = (clip.apex or 0) - numbers[0]
    row, column = np.unravel_index(np.hypot(*made.facial_flow_xy).argmax(), (224, 224))
    high, wide = slice(row - 24, row + 24), slice(112 - 60, 112 + 60)
    figure, panels = _row(4, (1.6, 1.6, 0.9, 0.9))
    for panel, film, title in zip(
        panels, shown, ("apex frame", "alpha 8, 1 to 12 Hz"), strict=False
    ):
        _image(panel, np.moveaxis(film[place][:, high, wide], 0, -1), title)
        panel.axvline(column - wide.start, color=GLOW, lw=1.2)
        panel.set_aspect("auto")
    for panel, film, title in zip(panels[2:], shown, ("yellow line", "magnified"), strict=True):
        strip = np.stack([image[:, high, column] for image in film], axis=-1)
        _image(panel, np.moveaxis(strip, 0, -1), title)
        panel.set_aspect("auto")
        panel.set_xlabel("onset to offset", color=SOFT)
    _save(figure, "step-magnify.png")


def _apex(clip: Clip, made: SyntheticClip) -> None:
    found = find_apex(clip, "flow")
    onset, curve = clip.onset or 0, np.array(found.movement)
    figure, panel = plt.subplots(figsize=(9.4, 2.6), layout="constrained")
    panel.plot(onset + np.arange(len(curve)), curve, color=INK, marker="o", ms=3)
    marks = (
        ("annotated", clip.apex, 0.45, 6),
        ("middle", find_apex(clip, "middle").frame, 0.3, -6),
        ("flow", found.frame, 0.15, 6),
    )
    for (name, number, height, away), colour in zip(marks, _COLOURS, strict=True):
        dashes = (0, (4, 4)) if name == "annotated" else "-"  # it may lie on another line
        order = 3 if name == "annotated" else 2
        panel.axvline(
            number or 0, color=colour, lw=2 if order == 3 else 1.4, ls=dashes, zorder=order
        )
        panel.annotate(
            f"{name}: frame {number}", (number or 0, height), xycoords=("data", "axes fraction"),
            xytext=(away, 0), textcoords="offset points", color=colour,
            ha="left" if away > 0 else "right",
        )  # fmt: skip
    panel.set_title(f"true apex: frame {made.true_apex}", loc="left", color=SOFT)
    panel.set_ylim(bottom=0)
    _axes(panel, "frame, counted from 0", "mean strain, smoothed")
    _save(figure, "step-apex.png")


def _interpolate(clip: Clip) -> None:
    film = _film(clip)
    row, column = np.unravel_index(np.abs(film - film[0]).max(0).argmax(), film.shape[1:])
    course = film[::5, row, column]
    numbers, count = (clip.onset or 0) + 5 * np.arange(len(course)), 26
    figure, panels = plt.subplots(1, 3, figsize=(9.4, 2.6), layout="constrained", sharey=True)
    for panel, method, colour in zip(
        panels, ("tim", "linear", "bandlimited"), _COLOURS, strict=True
    ):
        new = interpolate_frames(course[:, None], count, method=method)[:, 0]
        panel.plot(np.linspace(*numbers[[0, -1]], count), new, "o-", color=colour, ms=3, lw=1)
        panel.plot(numbers, course, "o", mfc="none", mec=INK, ms=8)
        panel.set_title(f"{method}: {len(course)} frames as {count}", fontsize=9)
        _axes(panel, "frame of the clip", "")
    panels[0].set_ylabel("brightness of one pixel", color=SOFT)
    _save(figure, "step-interpolate.png")


def _dynamic_image(clip: Clip) -> None:
    signed = _run(clip, {"step": "dynamic_image"})
    stretched = _run(clip, {"step": "dynamic_image"}, {"step": "stretch"})
    full = float(np.quantile(np.abs(signed), 0.995))
    figure, panels = _row(4)
    _image(panels[0], _frame(clip, clip.onset), f"onset, frame {clip.onset}")
    _image(panels[1], _frame(clip, clip.offset), f"offset, frame {clip.offset}")
    _image(panels[2], 127.5 + 127.5 * np.moveaxis(signed, 0, -1) / full, "dynamic image, gray is 0")
    _image(panels[3], np.moveaxis(stretched, 0, -1), "after stretch")
    _save(figure, "step-dynamic-image.png")


def _size(clip: Clip) -> None:
    flow, resize = {"step": "flow"}, {"step": "resize", "size": 28}
    average, stretch = {"step": "average", "size": 14}, {"step": "stretch"}
    shown = (
        ("flow, 224 px", "v, pixels of 224", _run(clip, flow)[1]),
        ("resize to 28", "v, pixels of 28", _run(clip, flow, resize)[1]),
        ("average to 14", "v, pixels of 224", _run(clip, flow, average)[1]),
        ("resize to 28, stretch", "v in 8 bits", _run(clip, flow, resize, stretch)[1]),
    )
    figure, panels = _row(4)
    for panel, (title, label, values) in zip(panels, shown, strict=True):
        full = float(np.abs(values).max())
        bits = "stretch" in title
        drawn = panel.imshow(
            values, cmap="gray" if bits else "RdBu_r",
            vmin=0 if bits else -full, vmax=255 if bits else full,
        )  # fmt: skip
        _bare(panel, title)
        figure.colorbar(drawn, ax=panel, orientation="horizontal", label=label, pad=0.03)
    _save(figure, "step-size.png")


def _row(count: int, widths: tuple[float, ...] | None = None) -> tuple[Figure, NDArray[np.object_]]:
    wide = _CELL_IN * sum(widths or (1,) * count)
    figure, panels = plt.subplots(
        1, count, figsize=(wide, _CELL_IN + 0.3), layout="constrained",
        gridspec_kw={"width_ratios": widths or (1,) * count},
    )  # fmt: skip
    return figure, panels


def _image(panel: Axes, image: Floats, title: str) -> None:
    shown = np.rint(image).clip(0, 255).astype(np.uint8)
    panel.imshow(shown, cmap="gray", vmin=0, vmax=255)
    _bare(panel, title)


def _bare(panel: Axes, title: str) -> None:
    panel.set_title(title, fontsize=9)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)


def _axes(panel: Axes, x: str, y: str) -> None:
    panel.set_xlabel(x, color=SOFT)
    panel.set_ylabel(y, color=SOFT)
    panel.tick_params(colors=SOFT, length=3)
    panel.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, name: str) -> None:
    path = FOLDER / name
    figure.savefig(path, dpi=90, facecolor="white", metadata={"Software": None})
    plt.close(figure)
    with Image.open(path) as image:
        image.convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main()
