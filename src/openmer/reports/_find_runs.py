"""Find the runs below some folders: those that can be reported, and why others cannot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from openmer.errors import DataError, OpenMERError
from openmer.evaluation import load_run
from openmer.reports._rows import Run, row_of


def find_runs(folders: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """Load every run at or below some folders.

    Returns:
        The runs that are finished and whole; and a text for each other one: its folder, and what is
        wrong with it.

    Raises:
        DataError: There is none, or none that can be reported.
    """
    folders = [Path(folder) for folder in folders]
    marks = [path for top in folders for name in ("run.toml", "folds") for path in top.rglob(name)]
    runs, left_out = [], []
    for folder in sorted({path.parent for path in marks}):
        try:
            if not (folder / "run.toml").is_file():
                raise DataError(
                    f"{folder} is not finished: it has folds and no run.toml. Repeat its command: "
                    "finished folds are kept."
                )
            run = load_run(folder)
            row_of(*run)
            runs.append(run)
        except OpenMERError as error:
            text = str(error)
            left_out.append(text if str(folder) in text else f"{folder}: {text}")
    if not runs:
        names = ", ".join(map(str, folders))
        why = left_out[0] if left_out else "no run.toml at or below it."
        raise DataError(
            f"There is no run in {names} that is finished and whole: {why} Give the folder that "
            "`openmer evaluate --out` wrote to."
        )
    return runs, left_out
