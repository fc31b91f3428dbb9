"""Reports of one run or several: for a terminal, the web, a paper, a readme and a spreadsheet.

Every format marks a leaky run, and none holds a time of writing: the same runs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openmer.files import replace_files, require_own
from openmer.reports._csv_sheet import render_csv
from openmer.reports._html import render_html
from openmer.reports._latex import render_latex
from openmer.reports._markdown import render_markdown
from openmer.reports._rows import Run

_MARKS = {"html": "OpenMER evaluation", "md": "# OpenMER evaluation", "csv": "method,title,epoch_",
          "tex": "% Needs \\usepackage[T1]{fontenc} and"}  # fmt: skip


def write_report(
    folder: Path, runs: Sequence[Run], left_out: Sequence[str] = ()
) -> dict[str, Path]:
    """Write report.html, report.md, report.csv and report.tex, each whole or not at all.

    Args:
        folder: Made where it is missing.
        runs: At least one record with its scores.
        left_out: Why runs beside them cannot be reported, one text each.

    Returns:
        The files by their format: "html", "md", "csv", "tex".

    Raises:
        DataError: There is no run, a record does not fit its scores, or a file of that name is no
            report.
    """
    paths = {name: folder / f"report.{name}" for name in _MARKS}
    require_own({paths[name]: mark for name, mark in _MARKS.items()})
    texts = {
        "html": render_html(runs, left_out),
        "md": render_markdown(runs, left_out),
        "csv": render_csv(runs),
        "tex": render_latex(runs),
    }
    replace_files({paths[name]: text for name, text in texts.items()})
    return paths
