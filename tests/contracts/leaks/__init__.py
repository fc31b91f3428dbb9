"""Planted leaks, one a file, and the honest ground that each is planted in."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def planted_leaks() -> dict[str, ModuleType]:
    """Every file of this folder that plants a leak into a training, by its name."""
    return _modules("plant")


def published_leaks() -> dict[str, ModuleType]:
    """Every file of this folder that makes published results wrong, by its name."""
    return _modules("publish")


def _modules(verb: str) -> dict[str, ModuleType]:
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, verb)}
