"""Whether the package's own functions are still its own: others could call any result good."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FunctionType

import openmer
from openmer.evaluation.audit._finding import Finding, some
from openmer.evaluation.audit._libraries import is_installed, library_folders

_LIBRARIES = ("numpy", "sklearn.metrics")  # whose functions compare and count


def check_code() -> list[Finding]:
    """Report functions of this package, or of those it counts with, that a file of others holds."""
    package = Path(openmer.__file__).parent
    roots = (package, package.resolve(), *library_folders())
    told = [(name, function.__code__.co_filename) for name, function in _functions()]
    others = {file for file in {file for _, file in told} if _is_foreign(Path(file), roots)}
    foreign = {f"{name} is that of {file}" for name, file in told if file in others}
    if not foreign:
        return []
    message = (
        f"{len(foreign)} functions that make or compare the scores were replaced: {some(foreign)}. "
        "Nothing that this process says of any method can be believed. Remove what replaces them, "
        "and audit in a new process."
    )
    return [Finding(check="own code", severity="leak", fold="", message=message)]


def _functions() -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions of modules and of their classes, with their names."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != openmer.__name__ and name not in _LIBRARIES:
            continue
        for key, value in list(vars(module).items()):
            kind = type(value)  # isinstance would load a library that is not loaded yet
            if kind is FunctionType:
                yield f"{name}.{key}", value
            elif issubclass(kind, type) and value.__module__ == name:
                own = list(vars(value).items())
                yield from ((f"{name}.{key}.{n}", f) for n, f in own if isinstance(f, FunctionType))


def _is_foreign(file: Path, roots: Sequence[Path]) -> bool:
    """Whether code is of a file that is neither this package's nor an installed library's."""
    places = (file, file.resolve())
    inside = any(place.is_relative_to(root) for place in places for root in roots)
    return file.is_file() and not inside and not any(map(is_installed, places))
