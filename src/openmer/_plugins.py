"""Load plug-ins: modules of other people that register things when they are imported.

A plug-in is installed (entry point of the group ``openmer.plugins``), or listed in the environment
variable ``OPENMER_PLUGINS``, from where worker processes have it, too.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from openmer.errors import ConfigError

GROUP = "openmer.plugins"
VARIABLE = "OPENMER_PLUGINS"

_loaded: set[str] = set()
_codes: dict[str, str] = {}  # of each module of a plug-in: digest of all modules of that plug-in
_loading: list[str] = []


def add_plugins(names: Iterable[str]) -> None:
    """List plug-ins for this process and those that it starts, and load them.

    Args:
        names: Modules ("lab.models") or Python files ("mine.py").

    Raises:
        ConfigError: A file is not there, or a plug-in cannot be loaded.
    """
    given = [_absolute(name) for name in names]
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*_listed(), *given]))
    load_plugins()


def load_plugins() -> None:
    """Load every plug-in that is installed or listed, each once.

    Raises:
        ConfigError: A plug-in cannot be loaded; it is named, with the reason.
    """
    if _loading:
        return
    for entry in _installed():
        _load(f"{entry.name} = {entry.value}", entry)
    for name in _listed():
        _load(name)


def is_loading() -> bool:
    """Return whether what is registered now comes from a plug-in."""
    return bool(_loading)


def code_of(module: str) -> str:
    """Return a digest of a plug-in's files as they were loaded; "" of a module of no plug-in.

    Files are those that lie beside the plug-in, or inside of its package, and are imported with it.
    """
    return _codes.get(module, "")


@cache
def _installed() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _listed() -> list[str]:
    return [name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]


def _load(name: str, entry: EntryPoint | None = None) -> None:
    if name in _loaded:
        return
    _loading.append(name)
    before = set(sys.modules)
    try:
        if entry is None:
            _import(name)
        else:
            entry.load()
        _keep_code(before, entry.module if entry else name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also one that would end the command in silence
        package = entry.dist.name if entry and entry.dist else ""
        remedy = f"pip uninstall {package}" if package else f"leave it out of {VARIABLE}, --plugin"
        raise ConfigError(
            f"The plug-in {name} cannot be loaded: {type(error).__name__}: {error}. Repair it, or "
            f"do without it: {remedy}."
        ) from error
    finally:
        _loading.pop()
    _loaded.add(name)


def _keep_code(before: Iterable[str], plugin: str) -> None:
    """Remember what the files of a plug-in hold now."""
    folder = Path(plugin).parent if _is_file(plugin) else None
    top = (Path(plugin).stem if folder else plugin).partition(".")[0]
    own: dict[str, bytes] = {}
    for module in sys.modules.keys() - set(before):
        file = Path(getattr(sys.modules[module], "__file__", None) or "")
        beside = folder is not None and file.resolve().is_relative_to(folder)
        if (beside or module.partition(".")[0] == top) and file.is_file():
            own[module] = file.read_bytes()
    digests = [f"{name} {hashlib.sha256(own[name]).hexdigest()}" for name in sorted(own)]
    _codes.update(dict.fromkeys(own, hashlib.sha256("\n".join(digests).encode()).hexdigest()))


def _import(name: str) -> None:
    """Import a module by its name, or a file by its path."""
    if not _is_file(name):
        import_module(name)
        return
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError("there is no such file")
    if str(path.parent) not in sys.path:  # at the end, so that nothing is hidden by the folder
        sys.path.append(str(path.parent))
    module = import_module(path.stem)
    if Path(module.__file__ or "").resolve() != path.resolve():
        raise ImportError(f"a module {path.stem!r} exists already, so the file needs another name")


def _is_file(name: str) -> bool:
    return name.endswith(".py") or "/" in name or os.sep in name


def _absolute(name: str) -> str:
    if os.pathsep in name:
        raise ConfigError(
            f"The plug-in {name!r} has {os.pathsep!r} in its path. Rename the folder."
        )
    return os.path.realpath(Path(name).expanduser()) if _is_file(name) else name
