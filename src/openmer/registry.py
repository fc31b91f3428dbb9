"""Keep what can be chosen by a name: models, corpora, steps, metrics and their like.

A registry knows a kind of thing by its names. What comes with the package stands in modules of one
package and registers itself when they are imported, which happens when a registry is first asked.
Plug-ins are loaded then, too.
"""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from openmer._plugins import VARIABLE, is_loading, load_plugins
from openmer.errors import unknown_name

T = TypeVar("T")
F = TypeVar("F")


@dataclass(frozen=True, kw_only=True)
class Versioned(Generic[T]):
    """A function of a name whose results are kept.

    Attributes:
        name: How a recipe calls it.
        version: Raised whenever its results change, so that nothing kept outlives them.
        function: What it does.
    """

    name: str
    version: int
    function: T


class Registry(Generic[T]):
    """Hold things of one kind by their names.

    Args:
        kind: What a name stands for, as a user would say it ("model").
        package: Name of the package whose public modules register what comes with OpenMER; empty
            where the module that makes the registry does so itself.
    """

    _plugins: ClassVar[str | None] = None  # those that were listed when they were last loaded

    def __init__(self, kind: str, package: str = "") -> None:
        self.kind = kind
        self._package = package
        self._found: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """List a thing under a name.

        Raises:
            ValueError: The name is taken by another thing.
        """
        if is_loading():
            self._load_package()
        if name in self._found and self._found[name] is not thing:
            raise ValueError(
                f"The {self.kind} name {name!r} is taken by {self._found[name]!r}; choose another."
            )
        self._found[name] = thing

    def keep(self, name: str, thing: T) -> None:
        """List a thing unless the name is known: in a process that was started later."""
        if name not in self:
            self.add(name, thing)

    def decorator(self, name: str, make: Callable[[Any], T] | None = None) -> Callable[[F], F]:
        """Return a decorator that lists what it decorates, or what is made of it."""

        def add(given: F) -> F:
            self.add(name, given if make is None else make(given))  # type: ignore[arg-type]
            return given

        return add

    def __getitem__(self, name: str) -> T:
        """Return the thing of that name.

        Raises:
            ConfigError: There is none; the nearest name is given.
        """
        self._load()
        if name not in self._found:
            raise unknown_name(self.kind, name, self._found)
        return self._found[name]

    def __delitem__(self, name: str) -> None:
        """Forget a name, as a test does that has listed a thing of its own."""
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over all names in their order of registration."""
        self._load()
        return iter(tuple(self._found))

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._found

    def names(self) -> list[str]:
        """List all names, sorted."""
        return sorted(self)

    def _load(self) -> None:
        """Import what comes with the package, then what plug-ins add, each once."""
        self._load_package()
        listed = os.environ.get(VARIABLE, "")
        if listed != Registry._plugins and not is_loading():
            load_plugins()
            Registry._plugins = listed

    def _load_package(self) -> None:
        package, self._package = self._package, ""
        if package:
            for module in pkgutil.iter_modules(import_module(package).__path__):
                if not module.name.startswith("_") and not module.ispkg:
                    import_module(f"{package}.{module.name}")
