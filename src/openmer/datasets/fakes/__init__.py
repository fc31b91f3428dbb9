"""Fake corpora: small folders and sheets in the exact shape of the real ones, quirks included.

The frames are synthetic (see `openmer.datasets.synthetic._clips`); no real subject is in them.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

from openmer.datasets._registry import facts
from openmer.datasets.fakes._plan import FakePlan, full_plan, small_plan
from openmer.errors import DataError, unknown_name

__all__ = ["FakePlan", "full_plan", "list_fakes", "small_plan", "write_fake"]

_MARK = (
    "A fake {title}, written by OpenMER for tests and examples. No score on it means anything.\n"
)


def list_fakes() -> list[str]:
    """List the names of the corpora that can be faked, sorted: one module of this package each."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def write_fake(
    name: str,
    folder: Path,
    *,
    variant: str | None = None,
    full: bool = False,
    frames: bool = True,
) -> Path:
    """Write a fake corpus into a new or empty folder.

    Args:
        name: One of `list_fakes()`.
        folder: The root of the fake.
        variant: One of the corpus's variants; None is the first.
        full: As many subjects and items as the real corpus; otherwise three subjects.
        frames: Write images; otherwise names and sheets only (read with ``frames="none"``).

    Returns:
        The folder.

    Raises:
        ConfigError: No such corpus or variant, or its counts are not declared.
        DataError: The folder holds something.
    """
    if name not in list_fakes():
        raise unknown_name("corpus", name, list_fakes())
    corpus = facts(name)
    variant = corpus.default_variant if variant is None else variant
    if variant not in corpus.variants:
        raise unknown_name(f"variant of {corpus.title}", variant, corpus.variants)
    plan = (full_plan if full else small_plan)(corpus, variant, frames=frames)
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not empty. Choose a new folder for the fake {corpus.title}.")
    folder.mkdir(parents=True, exist_ok=True)
    import_module(f"{__name__}.{name}").write(folder, plan)
    (folder / "FAKE.txt").write_text(_MARK.format(title=corpus.title), encoding="utf-8")
    return folder
