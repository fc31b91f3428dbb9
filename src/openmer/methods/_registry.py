"""List the method files that come with the package, and those that plug-ins add."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from openmer.registry import Registry

_METHODS: Registry[Traversable] = Registry("method")

for _file in resources.files("openmer.methods").iterdir():
    if _file.name.endswith(".toml"):
        _METHODS.add(_file.name.removesuffix(".toml"), _file)


def register_method(path: Path | Traversable) -> None:
    """List a method file under its own name, without the ".toml".

    Args:
        path: A TOML file, such as ``Path(__file__).with_name("mine.toml")``.

    Raises:
        ValueError: The name is taken, or there is no such TOML file.

    Example:
        openmer.register_method(Path(__file__).with_name("my-method.toml"))
    """
    if not path.name.endswith(".toml") or not path.is_file():
        raise ValueError(f"{path} is no TOML file of a method. Give the path of one.")
    _METHODS.add(path.name.removesuffix(".toml"), path)


def list_methods() -> list[str]:
    """List the names of all methods, sorted.

    Returns:
        Names that `load_method` and `evaluate` take.

    Example:
        print(openmer.list_methods())
    """
    return _METHODS.names()


def method_file(name: str) -> Path | Traversable:
    """Return the TOML file of a listed method, or the file `name` if it is a path.

    Raises:
        ConfigError: No such method; the nearest name is given.
    """
    path = Path(name)
    return path if path.suffix == ".toml" else _METHODS[name]
