"""How the contact sheet looks."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from openmer.preprocessing.faces._detect import LANDMARKS
from openmer.preprocessing.flow._colours import colour_wheel, flow_to_rgb, round_up
from openmer.preprocessing.steps._apex import Apex
from openmer.theme import APEX, GLOW, GOOD, INK, LINE, OFFSET, ONSET, RAISED, SOFT, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from openmer.preprocessing._sheet import ClipView
    from openmer.preprocessing.faces._detect import Face

_MARKS = {"onset": ONSET, "apex": APEX, "offset": OFFSET}
_WIDTH_IN = 13.0
_ROWS_IN = (2.75, 3.6, 4.4, 2.6)
_DPI = 110
# A scale that shrank further would show noise as if it were motion.
_LEAST_FLOW_PX, _LEAST_STRAIN, _LEAST_MOVEMENT = 0.1, 0.01, 0.001


def draw(view: ClipView) -> Figure:
    """Draw the whole sheet."""
    figure = new_figure(_WIDTH_IN, sum(_ROWS_IN), dpi=_DPI, paper="white")
    rows = figure.subfigures(4, 1, height_ratios=_ROWS_IN, squeeze=False)[:, 0]
    _strip(rows[0], view)
    _faces(rows[1], view)
    _motion(rows[2], view)
    _movement(rows[3], view)
    return figure


def _strip(row: SubFigure, view: ClipView) -> None:
    """Draw some frames of the clip, under its name."""
    clip = view.clip
    row.text(0.02, 0.89, clip.key, fontsize=17, weight="bold", color=INK, va="center")
    row.text(0.98, 0.89, _facts(view), fontsize=10.5, color=SOFT, va="center", ha="right")
    panels = row.subplots(1, max(7, len(view.strip)), squeeze=False)[0]
    row.subplots_adjust(left=0.02, right=0.98, top=0.7, bottom=0.0, wspace=0.06)
    for panel in panels[len(view.strip) :]:
        panel.set_visible(False)
    for panel, (number, image) in zip(panels, view.strip, strict=False):
        names = [name for name in _MARKS if getattr(clip, name) == number]
        said = " · ".join([*names, f"frame {number}"])
        if clip.fps is not None:
            said += f" · {1000 * float((number - (clip.onset or 0)) / clip.fps):.0f} ms"
        colour = _MARKS[names[-1]] if names else SOFT
        _picture(panel, image, said, colour=colour, frame=bool(names))
        panel.set_title(said, **{**_title(colour), "fontsize": 8.5})


def _facts(view: ClipView) -> str:
    """Emotion, action units, time, and what is not annotated."""
    clip = view.clip
    facts = [clip.emotion]
    if clip.action_units:
        facts.append(f"AU {clip.action_units}")
    if clip.fps is not None and clip.duration_s is not None:
        facts.append(f"{clip.duration_s * 1000:.0f} ms at {float(clip.fps):g} frames/s")
    missing = [name for name in _MARKS if name not in view.annotated]
    if missing:
        facts.append(f"{', '.join(missing)} not annotated")
    return "   ·   ".join(facts)


def _faces(row: SubFigure, view: ClipView) -> None:
    """Draw the detected face, then the onset frame after each alignment."""
    panels = row.subplots(1, 1 + len(view.aligned), squeeze=False)[0]
    row.subplots_adjust(left=0.02, right=0.98, top=0.83, bottom=0.0, wspace=0.08)
    _heading(row, "Face")
    image = view.strip[0][1]
    title = f"{view.detector}: {len(view.faces)} face{'' if len(view.faces) == 1 else 's'}"
    if view.face is not None:
        title += f", score {view.face.score:.3g}, tilt {view.face.tilt_degrees:+.1f}°"
    _picture(panels[0], image, title)
    for face in view.faces:
        x0, y0, x1, y1 = face.box_xyxy
        taken = face is view.face
        panels[0].add_patch(
            Rectangle(
                (x0, y0), x1 - x0, y1 - y0, fill=False, lw=2 if taken else 1,
                edgecolor=GOOD if taken else "white", linestyle="-" if taken else "--",
            )
        )  # fmt: skip
    if view.face is not None:
        _landmarks(panels[0], view.face)
    for panel, (name, made) in zip(panels[1:], view.aligned.items(), strict=True):
        if isinstance(made, str):
            _words(panel, name, made)
        else:
            extra = ", gray, eyes masked" if made.ndim == 2 else ""
            _picture(panel, made, f"{name}: {made.shape[1]} px{extra}")


def _landmarks(panel: Axes, face: Face) -> None:
    """Points of the face taken: filled where they were found, hollow where they are guessed."""
    points = np.array(face.points68_xy or face.landmarks_xy)
    guessed = np.array([name in face.guessed for name in LANDMARKS])
    if face.points68_xy:
        guessed = np.zeros(len(points), bool)
    size = 9 if face.points68_xy else 26
    (x, y), (other_x, other_y) = points[~guessed].T, points[guessed].T
    panel.scatter(x, y, size, color=GLOW, edgecolors=INK, linewidths=0.7)
    panel.scatter(other_x, other_y, size, facecolors="none", edgecolors=GLOW)
    if guessed.any():
        panel.text(
            0.5, 0.025, "hollow: guessed from the box", transform=panel.transAxes, ha="center",
            fontsize=9, color="white", bbox={"facecolor": INK, "alpha": 0.75, "lw": 0, "pad": 2.5},
        )  # fmt: skip


def _motion(row: SubFigure, view: ClipView) -> None:
    """Apex, magnified apex, flow with its wheel, strain with its scale."""
    where = f"on {view.style}" if view.style else "on whole frames: no alignment"
    _heading(row, f"Motion from onset to apex, {where}")
    panels = row.subplots(1, 4, squeeze=False)[0]
    row.subplots_adjust(left=0.02, right=0.98, top=0.845, bottom=0.17, wspace=0.08)
    _picture(panels[0], view.apex_frame, f"apex, frame {view.clip.apex}", colour=_MARKS["apex"])
    if isinstance(view.magnified, str):
        _words(panels[1], "magnified", view.magnified)
    else:
        _picture(panels[1], view.magnified, f"magnified {view.magnified_by}")
    _flow(row, panels[2], view)
    _strain(row, panels[3], view)


def _flow(row: SubFigure, panel: Axes, view: ClipView) -> None:
    lengths = np.hypot(*view.flow_xy)
    full_px = round_up(max(_LEAST_FLOW_PX, float(np.quantile(lengths, 0.995))))
    _picture(panel, 255 * flow_to_rgb(view.flow_xy, full_px), "flow", frame=True, colour=LINE)
    panel.set_title("flow: colour is direction, strength is length", **_title(SOFT))
    place = panel.get_position()
    side_in = 0.6
    width, height = side_in / _WIDTH_IN, side_in / _ROWS_IN[2]
    wheel = row.add_axes((place.x0, 0.005, width, height))
    wheel.imshow(colour_wheel(), interpolation="bilinear")
    wheel.set_axis_off()
    own = full_px / view.scale
    text = f"rim = {full_px:g} px here"
    if view.style:
        text += f"\n= {own:.2g} px in the clip's frames"
    row.text(
        place.x0 + width + 0.01,
        height / 2,
        text,
        fontsize=9.5,
        color=INK,
        va="center",
        linespacing=1.35,
    )


def _strain(row: SubFigure, panel: Axes, view: ClipView) -> None:
    full = round_up(max(_LEAST_STRAIN, float(np.quantile(view.strain, 0.995))))
    shown = panel.imshow(view.strain, cmap="magma", vmin=0, vmax=full)
    _bare(panel)
    panel.set_title("optical strain: how much skin deforms", **_title(SOFT))
    place = panel.get_position()
    bar = row.add_axes((place.x0, 0.1, place.width, 0.025))
    scale = row.colorbar(shown, cax=bar, orientation="horizontal", ticks=[0, full / 2, full])
    scale.outline.set_edgecolor(LINE)
    bar.tick_params(labelsize=9, colors=INK, length=2)
    bar.set_xticklabels(["0", f"{full / 2:.2g}", f"{full:.2g} px per px"])
    bar.get_xticklabels()[-1].set_horizontalalignment("right")


def _movement(row: SubFigure, view: ClipView) -> None:
    """Movement since the onset, frame by frame."""
    _heading(row, "Movement since the onset")
    panel = row.subplots(1, 1)
    row.subplots_adjust(left=0.06, right=0.98, top=0.83, bottom=0.19)
    if not isinstance(view.movement, Apex):
        _words(panel, "", view.movement)
        return
    onset = view.clip.onset or 0
    curve = np.array(view.movement.movement)
    numbers = onset + np.arange(len(curve))
    panel.fill_between(numbers, curve, color=SOFT, alpha=0.25, lw=0)
    panel.plot(numbers, curve, color=INK, lw=1.8, marker="o", ms=3.5)
    top = 1.28 * max(float(curve.max()), _LEAST_MOVEMENT)
    _marks(panel, view, top)
    found = onset + view.movement.frame
    height = float(curve[view.movement.frame])
    panel.plot([found], [height], "o", ms=11, mfc="none", mec=_MARKS["apex"], mew=1.8)
    panel.annotate(
        f"largest: frame {found}", (found, height), xytext=(10, -5), textcoords="offset points",
        fontsize=9.5, color=_MARKS["apex"], va="top", zorder=5,
        bbox={"facecolor": "white", "alpha": 0.85, "lw": 0, "pad": 1.5},
    )  # fmt: skip
    panel.set(xlim=(onset - 0.3, numbers[-1] + 0.3), ylim=(0, top))
    panel.set_xlabel("frame, counted from 0", fontsize=9.5, color=SOFT)
    panel.set_ylabel("mean strain, smoothed", fontsize=9.5, color=SOFT)
    panel.tick_params(labelsize=9, colors=SOFT, length=3)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    for name, spine in panel.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(LINE)


def _marks(panel: Axes, view: ClipView, top: float) -> None:
    """Lines at onset, apex and offset; one word where two of them are one frame."""
    clip = view.clip
    for name, colour in _MARKS.items():
        number = getattr(clip, name)
        if name == "apex" and number == clip.offset:
            continue
        panel.axvline(number, color=colour, lw=1.4)
        word = "apex and offset" if name == "offset" and number == clip.apex else name
        side = -1 if name == "offset" else 1
        panel.annotate(
            word if name in view.annotated else f"{word} (assumed)", (number, top),
            xytext=(5 * side, -4), textcoords="offset points", fontsize=10, color=colour,
            ha="left" if side > 0 else "right", va="top",
        )  # fmt: skip


def _picture(
    panel: Axes,
    image: NDArray[np.floating],
    title: str,
    *,
    colour: str = SOFT,
    frame: bool = False,
) -> None:
    """Draw an image in 0..255 with a line of text above it."""
    shown = np.rint(image).clip(0, 255).astype(np.uint8)
    panel.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    _bare(panel, colour if frame else None)
    panel.set_title(title, **_title(colour))


def _words(panel: Axes, title: str, text: str) -> None:
    """Why there is no image."""
    panel.set(xlim=(0, 1), ylim=(0, 1), facecolor=RAISED)
    panel.set_box_aspect(1 if title else None)
    _bare(panel, LINE)
    panel.set_title(title, **_title(SOFT))
    wrapped = textwrap.fill(text, 34 if title else 110)
    panel.text(0.5, 0.5, wrapped, ha="center", va="center", fontsize=9.5, color=SOFT)


def _bare(panel: Axes, colour: str | None = None) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set_visible(colour is not None)
        spine.set_color(colour or LINE)
        spine.set_linewidth(2.2 if colour in _MARKS.values() else 1.0)


def _heading(row: SubFigure, text: str) -> None:
    row.text(0.02, 0.935, text, fontsize=13, weight="bold", color=INK, va="center")


def _title(colour: str) -> dict[str, Any]:
    return {"fontsize": 9.5, "color": colour, "loc": "left", "pad": 4}
