"""Keep what can be chosen by a name: models, corpora, steps, metrics and their like.

A registry knows a kind of thing by its names. What comes with the package stands in modules of one
package and registers itself when they are imported, which happens when a registry is first asked.
Plug-ins are loaded then, too.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Generic, TypeVar

from openmer._plugins import is_loading, load_plugins
from openmer.errors import unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """Hold things of one kind by their names.

    Args:
        kind: What a name stands for, as a user would say it ("model").
        package: Name of the package whose public modules register what comes with OpenMER; empty
            where the module that makes the registry does so itself.
    """

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
        load_plugins()

    def _load_package(self) -> None:
        package, self._package = self._package, ""
        if package:
            for module in pkgutil.iter_modules(import_module(package).__path__):
                if not module.name.startswith("_") and not module.ispkg:
                    import_module(f"{package}.{module.name}")
