"""Whether the package's own functions are still its own: others could call any result good."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType

import openmer
from openmer.evaluation import _metrics
from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation.audit._finding import some
from openmer.evaluation.audit._libraries import is_installed, library_folders

_BEGAN = time.time()  # what is written to the package's files from now on is not what runs
_LIBRARIES = ("numpy", "sklearn.metrics")  # whose functions compare and count


def check_code() -> list[Finding]:
    """Report functions of this package, or of those it counts with, that a file of others holds."""
    package = Path(openmer.__file__).parent
    roots = (package, package.resolve(), *library_folders())
    told = [(name, function.__code__.co_filename) for name, function in _functions()]
    others = {file for file in {file for _, file in told} if _is_foreign(Path(file), roots)}
    foreign = {f"{name} is that of {file}" for name, file in told if file in others}
    named = {name for name, file in told if file in others}
    foreign |= {f"{name} is not that of its module" for name in _replaced() if name not in named}
    if not foreign:
        return []
    message = (
        f"{len(foreign)} functions that make or compare the scores were replaced: {some(foreign)}. "
        "Nothing that this process says of any method can be believed. Remove what replaces them, "
        "and audit in a new process."
    )
    return [Finding(check="own code", severity="leak", fold="", message=message)]


def _replaced() -> Iterator[str]:
    """Yield functions of this package that do not do what the files of their modules say."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != openmer.__name__:
            continue
        for key, codes in _codes_of(name).items():
            holder: object = module
            for part in key.split("."):
                holder = vars(holder).get(part) if holder is not None else None
            if holder is not None and not _is_one_of(holder, codes):
                yield f"{name}.{key}"
    own = _codes_of(_metrics.__name__)
    for name in _metrics.METRICS:
        if name in own and not _is_one_of(_metrics.METRICS[name].function, own[name]):
            yield f"the metric {name}"


def _is_one_of(value: object, codes: Sequence[CodeType]) -> bool:
    """Whether a function is compiled from one of these, whatever decorates it."""
    while type(value) is not FunctionType or hasattr(value, "__wrapped__"):
        inner = [getattr(value, name, None) for name in ("__wrapped__", "__func__", "fget", "func")]
        value = next((one for one in inner if one is not None), None)
        if value is None:
            return False
    return value.__code__ in codes


def _inner(code: CodeType | None) -> list[CodeType]:
    return [one for one in code.co_consts if isinstance(one, CodeType)] if code else []


@cache
def _codes_of(module: str) -> dict[str, list[CodeType]]:
    """Return what the file of a module defines: functions and methods, by their names."""
    spec = vars(sys.modules[module]).get("__spec__")
    file = Path(getattr(spec, "origin", None) or "")
    if spec is None or not hasattr(spec.loader, "get_code"):
        return {}
    if file.is_file() and file.stat().st_mtime > _BEGAN:
        return {}
    found: dict[str, list[CodeType]] = {}
    top = spec.loader.get_code(module)
    for one in _inner(top):
        inside = _inner(one) if not one.co_flags & inspect.CO_NEWLOCALS else ()
        for code in inside or [one]:
            if code.co_flags & inspect.CO_NEWLOCALS and "<" not in code.co_qualname:
                found.setdefault(code.co_qualname, []).append(code)
    return found


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
    if any(file.is_relative_to(root) for root in roots) or not file.is_file():
        return False
    place = file.resolve()
    inside = any(place.is_relative_to(root) for root in roots)
    return not inside and not is_installed(file) and not is_installed(place)
