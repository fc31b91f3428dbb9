"""What a training reads beside the arrays that it is given: files, folders, programs, sockets."""

from __future__ import annotations

import contextlib
import json
import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import openmer
from openmer.errors import OpenMERError
from openmer.evaluation._experiment import Task
from openmer.evaluation._seen_subjects import start_of
from openmer.evaluation.audit import _hook
from openmer.evaluation.audit._finding import Finding, some
from openmer.models import weights_path

_SITE = Path(__file__).parent / "_site"
_SYSTEM = ("/proc", "/sys", "/dev/null", "/dev/urandom", "/etc", "/usr", "/lib", "/lib64")
# Below the home; an index of the journal of its own database, which it keeps mapped.
_ONNX_RUNTIMES = ".cache/Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db-shm"
_OF_LIBRARIES = ("joblib_memmapping_folder", "torchinductor_", "torch_", "sem.", "pym-")
_CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR")
_STORED = ("HF_HOME", "HF_HUB_CACHE", "TORCH_HOME")
# Programs that libraries ask for the machine, and compilers of their kernels.
_TOOLS = frozenset({"lscpu", "ldconfig", "uname", "gcc", "g++", "cc", "c++", "clang", "clang++"})
_UNRECORDED = ("-I", "-S", "-E")  # options of Python that leave the hook out


class Event(NamedTuple):
    """One thing that a process did."""

    kind: Literal["read", "write", "code", "list", "start", "connect", "call", "mapped"]
    what: str


class Recorder(contextlib.AbstractContextManager["Recorder"]):
    """Records what this process and those that it starts do.

    Attributes:
        calls: What each training did.
    """

    def __init__(self) -> None:
        self.calls: list[list[Event]] = []
        self._opened = contextlib.ExitStack()
        self._log = Path()

    def __enter__(self) -> Recorder:
        _end_waiting_workers()
        folder = self._opened.enter_context(tempfile.TemporaryDirectory(prefix="openmer-audit-"))
        self._log = Path(folder) / "log"
        self._log.touch()
        self._opened.enter_context(_log_of_workers(self._log))
        return self

    def __exit__(self, *_: object) -> None:
        _end_waiting_workers()
        self._opened.close()

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record one training, in a list of its own."""
        begin = self._log.stat().st_size
        mapped, places = mapped_files(), reading_places()
        _hook.start(str(self._log))
        try:
            yield
        finally:
            _hook.stop()
            events = [Event("mapped", path) for path in mapped]
            events += [Event("read", file) for file in _gone_on(places, reading_places())]
            self.calls.append(events + _events(self._log.read_bytes()[begin:]))


def _events(log: bytes) -> list[Event]:
    """Return what was recorded, in its order."""
    return [Event(*json.loads(line)) for line in log.splitlines()]


def mapped_files() -> list[str]:
    """List the files that are memory of this process and no code; none where no system tells.

    One file of ONNX Runtime's own is left out: the process that exported a model keeps it mapped.
    """
    code: set[str] = set()
    data: set[str] = set()
    for line in _lines_of("/proc/self/maps"):
        rights, path = line.split(maxsplit=5)[1::4] if line.count("/") else ("", "")
        (code if "x" in rights or ".so" in path else data).add(path.strip())
    own = str(Path.home() / _ONNX_RUNTIMES)
    return sorted(path for path in data - code - {own} if Path(path).is_file())


def reading_places() -> dict[tuple[str, str, int], int]:
    """Return how far this process is in each file that it may read, by descriptor, path and size.

    A file whose size has changed was written to, which moves the place as well.
    """
    found = {}
    for descriptor in _names_in("/proc/self/fd"):
        path = os.path.realpath(f"/proc/self/fd/{descriptor}")
        told = dict(
            line.split(":", 1)
            for line in _lines_of(f"/proc/self/fdinfo/{descriptor}")
            if ":" in line
        )
        if told and Path(path).is_file() and not int(told["flags"], 8) & os.O_WRONLY:
            found[descriptor, path, Path(path).stat().st_size] = int(told["pos"])
    return found


def _gone_on(
    before: Mapping[tuple[str, str, int], int], after: Mapping[tuple[str, str, int], int]
) -> list[str]:
    """List the files that were open before and have been read since."""
    return sorted({one[1] for one, place in before.items() if after.get(one, place) != place})


def _lines_of(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []


def _names_in(folder: str) -> list[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except OSError:
        return []


def check_recorded(calls: Iterable[list[Event]], allowed: Iterable[Path]) -> list[Finding]:
    """Report what trainings read that is no part of the program, once for each thing.

    Args:
        calls: What each training did. What it wrote itself it may read again.
        allowed: Files and folders that may be read.
    """
    roots = [Path(root).resolve() for root in allowed]
    found: dict[tuple[str, str], None] = {}
    for events in calls:
        written = {event.what for event in events if event.kind == "write"}
        for event in events:
            action = _action(event, roots, written)
            if action:
                found[action, event.what] = None
    leaks: dict[str, set[str]] = {}
    for action, what in found:
        leaks.setdefault(action, set()).add(what)
    return [_finding(action, things) for action, things in leaks.items()]


_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})


def allowed_roots(task: Task) -> list[Path]:
    """Return what a training of this method may read: libraries, the package, its own weights."""
    schemes = sysconfig.get_paths()
    roots = {sys.prefix, sys.base_prefix, *map(schemes.__getitem__, ("stdlib", "purelib"))}
    roots |= {*site.getsitepackages(), site.getusersitepackages(), *_SYSTEM}
    roots |= {place for place in sys.path if Path(place).name in _LIBRARY_FOLDERS}
    roots |= {os.environ[name] for name in _CACHES if os.environ.get(name)}
    roots |= {str(Path(openmer.__file__).parent), str(Path.home() / ".triton")}
    roots |= {str(Path.home() / ".cache" / "matplotlib"), str(Path.home() / ".config/matplotlib")}
    start = start_of(task.method)
    if start == "imagenet":
        roots |= {os.environ[name] for name in _STORED if os.environ.get(name)}
        roots |= {str(Path.home() / ".cache" / name) for name in ("huggingface", "torch")}
    elif start.endswith(".safetensors"):
        roots.add(start)
    elif start not in ("", "scratch"):
        roots.add(str(weights_path(start).parent))
    return [Path(root) for root in roots]


_TORCHS_SOCKET = "/pymp-"  # over which processes of multiprocessing hand on what they share
_MAPPED = "has had in its memory since before"
_SAID = MappingProxyType({"read": "reads", "list": "lists the folder", "mapped": _MAPPED})


def _action(event: Event, roots: list[Path], written: set[str]) -> str:
    """Say what is wrong with an event; nothing where nothing is."""
    kind, what = event
    if kind == "connect":
        return "" if _TORCHS_SOCKET in what else "connects to"
    if kind == "call":
        return "goes past Python by"
    if kind == "start":
        program, *options = what.split()
        own = Path(program).name == Path(sys.executable).name
        known = own and not set(options) & set(_UNRECORDED)
        return "" if known or Path(program).name in _TOOLS else "starts"
    if kind not in _SAID or what in written or _is_allowed(Path(what), roots):
        return ""
    return _SAID[kind]


def _is_allowed(path: Path, roots: list[Path]) -> bool:
    temporary = Path(tempfile.gettempdir()).resolve()
    for folder in (temporary, Path("/dev/shm")):
        inside = path.is_relative_to(folder) and path != folder
        if inside and path.relative_to(folder).parts[0].startswith(_OF_LIBRARIES):
            return True
    return path == temporary or any(path.is_relative_to(root) for root in roots)


def _finding(action: str, things: set[str]) -> Finding:
    remedy = "Everything a fold learns from belongs into the arrays, or into weights with a card"
    also = " Whether a training reads it there cannot be seen." if action == _MAPPED else ""
    message = (
        f"While a fold trains or is tested, the program {action} {some(things)}.{also} {remedy}."
    )
    severity: Literal["note", "leak"] = "note" if action == _MAPPED else "leak"
    return Finding(check="recording", severity=severity, fold="", message=message)


@contextlib.contextmanager
def _log_of_workers(log: Path) -> Iterator[None]:
    """Let Python processes that start inside record, too."""
    before = {name: os.environ.get(name) for name in (_hook.VARIABLE, "PYTHONPATH")}
    rest = [before["PYTHONPATH"]] if before["PYTHONPATH"] else []
    os.environ[_hook.VARIABLE] = str(log)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(_SITE), *rest])
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _end_waiting_workers() -> None:
    """End joblib's waiting workers, which were started without the hook."""
    executor = sys.modules.get("joblib.externals.loky.reusable_executor")
    waiting = getattr(executor, "_executor", None)
    if waiting is not None:
        with contextlib.suppress(OSError, RuntimeError, OpenMERError):
            waiting.shutdown(wait=True)
