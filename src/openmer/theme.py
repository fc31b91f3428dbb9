"""The colours of every page and figure, by name, and how a figure is made and written."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER, RAISED, INK, SOFT, LINE = "#fcfbf9", "#f4f2ee", "#1c1f22", "#5a6066", "#ddd9d2"
ACCENT, OTHER, ALARM = "#27567b", "#b7791f", "#b3261e"
GOOD, GLOW = "#22c55e", "#fde047"  # on photographs
ONSET, APEX, OFFSET = "#1a7f64", "#c2410c", "#3b5bdb"

_WHITE, _VIDEO = "#ffffff", "#14171a"
_LIGHT = {
    "paper": PAPER, "raised": RAISED, "ink": INK, "soft": SOFT, "line": LINE, "accent": ACCENT,
    "alarm": ALARM, "alarm-ink": _WHITE, "alarm-wash": "#fbecea", "video": _VIDEO,
    "micro": "#b85f00", "micro-ink": _WHITE, "macro": "#1f7566", "macro-ink": _WHITE,
}  # fmt: skip
_DARK = {
    "paper": "#15181b", "raised": "#1d2124", "ink": "#e6e4e0", "soft": "#a3a8ad",
    "line": "#363b40", "accent": "#86b7dc", "alarm": "#ff8a80", "alarm-ink": "#2b0b08",
    "alarm-wash": "#35201f", "video": _VIDEO, "micro": "#ffb03b", "micro-ink": "#2a1a00",
    "macro": "#5ed6c4", "macro-ink": "#04231e",
}  # fmt: skip
FIGURE_MARK = "OpenMER"
"""In the head of each figure, so that one of somebody else is not replaced."""
_ABOUT = {
    "png": {"Software": FIGURE_MARK},
    "pdf": {"Creator": FIGURE_MARK, "CreationDate": None},
    "svg": {"Creator": FIGURE_MARK, "Date": None},
}


def css_colours(*, dark: str = "") -> str:
    """Return the colours as custom properties of a style sheet, one ``--name`` each.

    Args:
        dark: Selector under which a page is dark; without one, the reader's system decides.
    """
    night = _properties(dark or ":root", _DARK)
    night = night if dark else f"@media (prefers-color-scheme: dark) {{ {night} }}"
    return f"{_properties(':root', _LIGHT)}\n{night}"


def css_colour(name: str) -> str:
    """Return a colour for a style sheet, that a drawing outside any page has too."""
    return f"var(--{name}, {_LIGHT[name]})"


def new_figure(width_in: float, height_in: float, *, dpi: int, paper: str = PAPER) -> Figure:
    """Make a figure that has no window and no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), dpi=dpi, facecolor=paper)


def draw_frame(panel: Axes) -> None:
    """Give a panel light lines and no box."""
    panel.set_facecolor(PAPER)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.spines["bottom"].set_color(LINE)
    panel.grid(axis="y", color=LINE, linewidth=0.7)
    panel.set_axisbelow(True)
    panel.tick_params(colors=SOFT, labelsize=9, length=0)


def figure_bytes(figure: Figure, form: str = "png") -> bytes:
    """Return a figure as a "png", "pdf" or "svg" file; the same figure gives the same bytes."""
    import matplotlib as mpl

    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "openmer"}):
        figure.savefig(
            content, format=form, metadata=_ABOUT[form], facecolor=figure.get_facecolor()
        )
    return content.getvalue()


def _properties(selector: str, colours: dict[str, str]) -> str:
    accent = bytes.fromhex(colours["accent"][1:])
    shown = {**colours, "accent-rgb": " ".join(map(str, accent))}
    return f"{selector} {{ {' '.join(f'--{name}: {value};' for name, value in shown.items())} }}"
