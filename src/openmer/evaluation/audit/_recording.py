"""What a training reads beside the arrays that it is given: files, folders, programs, sockets."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import openmer
from openmer.errors import DataError, OpenMERError
from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation._experiment import Task
from openmer.evaluation._seen_subjects import start_of
from openmer.evaluation.audit import _hook
from openmer.evaluation.audit._finding import some
from openmer.evaluation.audit._libraries import is_installed, library_folders
from openmer.files import temporary_folder
from openmer.models import weights_path

_SITE = Path(__file__).parent / "_site"
_SYSTEM = ("/proc", "/sys", "/dev/null", "/dev/urandom", "/etc", "/usr", "/lib", "/lib64")
# Below the home; an index of the journal of its own database, which it keeps mapped.
_ONNX_RUNTIMES = ".cache/Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db-shm"
_COMPILED = "torchinductor_"  # kernels, which are kept from run to run
_OF_LIBRARIES = ("joblib_memmapping_folder", _COMPILED, "torch_", "sem.", "pym-")
_CACHES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR")
_STORED = ("HF_HOME", "HF_HUB_CACHE", "TORCH_HOME")
# Programs that libraries ask for the machine, and compilers of their kernels.
_TOOLS = frozenset({"lscpu", "ldconfig", "uname", "gcc", "g++", "cc", "c++", "clang", "clang++"})
# What joblib asks for the processes of a worker that it ends, where psutil is not installed.
_ENDS_WORKERS = (("pgrep", "-P"), ("taskkill", "/F", "/T", "/PID"))
# How PyTorch's compiler hashes a header that it has just made, a temporary file.
_HASHES_HEADER = ("openssl", "sha512")
_UNRECORDED = ("-I", "-S", "-E")  # options of Python that leave the hook out


class Event(NamedTuple):
    """One thing that a process did.

    Attributes:
        kind: What it did; ``begin`` is the beginning of a training, ``off`` the end of a recording
            that it ended itself; ``append`` opens what is there to read it and to write to it.
        what: A path, or something else that says what to; two paths, on a line each, of a move; a
            program and its arguments, with `_hook.BETWEEN` between them, of a start.
        changed: When the file was changed last, in ns; of ``begin`` the time.
    """

    kind: Literal[
        "begin", "read", "write", "touch", "append", "move", "code", "list", "start", "connect",
        "call", "mapped", "alive", "off",
    ]  # fmt: skip
    what: str
    changed: int = 0


class Recorder(contextlib.AbstractContextManager["Recorder"]):
    """Records what this process and those that it starts do, between trainings as well.

    Attributes:
        calls: What each training did, and what was done since the one before.
    """

    def __init__(self) -> None:
        self.calls: list[list[Event]] = []
        self._opened = contextlib.ExitStack()
        self._log = Path()
        self._read = 0

    def __enter__(self) -> Recorder:
        _end_waiting_workers()
        self._log = self._opened.enter_context(temporary_folder("openmer-audit")) / "log"
        self._log.touch()
        self._opened.enter_context(_log_of_workers(self._log))
        _hook.start(str(self._log))
        return self

    def __exit__(self, *_: object) -> None:
        with self._opened:
            try:
                _end_waiting_workers()
            finally:
                _hook.stop()
            self.calls.append(self._new_events())

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record one training, in a list of its own."""
        mapped, places = mapped_files(), reading_places()
        begin = Event("begin", "", _now(self._log))
        try:
            yield
        finally:
            sys.audit(_hook.ALIVE)
            events = [begin, *(Event("mapped", path) for path in mapped)]
            events += [Event("read", file) for file in _gone_on(places, reading_places())]
            told = self._new_events()
            if not any(event.kind == "alive" for event in told):
                told.append(Event("off", "the recording"))
                _hook.start(str(self._log))
            self.calls.append(events + told)

    def _new_events(self) -> list[Event]:
        """Return what was recorded since this was asked last, in its order.

        Raises:
            DataError: The disk was full, so that the recording is not whole.
        """
        own = {str(self._log), os.path.realpath(self._log)}
        log = self._log.read_bytes()[self._read :]
        if log and not log.endswith(b"\n"):
            raise DataError(
                f"The recording of the audit in {self._log.parent.parent} is not whole: no space "
                "left on that disk. Make room there, or choose another folder (TMPDIR)."
            )
        self._read += len(log)
        events = [Event(*json.loads(line)) for line in log.splitlines()]
        return [event for event in events if event.what not in own]


def _now(path: Path) -> int:
    """Return the time as the file system tells it, whose clock may lag behind."""
    path.touch()
    return path.stat().st_mtime_ns


def mapped_files() -> list[str]:
    """List the files that are memory of this process and no code; none where no system tells.

    One file of ONNX Runtime's own is left out: the process that exported a model keeps it mapped.
    """
    code: set[str] = set()
    data: set[str] = set()
    for line in _lines_of("/proc/self/maps"):
        if "/" in line and ".so" not in line:  # some thousand lines are of shared libraries
            rights, path = line.split(maxsplit=5)[1::4]
            (code if "x" in rights else data).add(path.strip())
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


def check_recorded(
    calls: Sequence[list[Event]], allowed: Iterable[Path], doing: str = ""
) -> list[Finding]:
    """Report what trainings read that is no part of the program, once for each thing.

    Args:
        calls: What each training did. What it wrote itself it may read again.
        allowed: Files and folders that may be read.
        doing: Begins each message, where the calls were no trainings.
    """
    roots = [Path(root).resolve() for root in allowed]
    begun = [event.changed for events in calls for event in events if event.kind == "begin"]
    audit = min(begun, default=0)
    kept = _begun_files(calls)
    left = (event for events in calls for event in _without_own_files(events, kept))
    wrong = [event for event in dict.fromkeys(left) if _is_wrong(event, roots, audit)]
    code = _source_files() if any(event.kind == "read" for event in wrong) else set[str]()
    found: dict[str, set[str]] = {}
    for event in wrong:
        quoted = event.kind == "read" and event.what in code and event.changed < audit
        if not quoted:
            found.setdefault(event.kind, set()).add(event.what.replace(_hook.BETWEEN, " "))
    return [_finding(kind, things, doing or _WHILE) for kind, things in found.items()]


def _source_files() -> set[str]:
    """Return the files of the modules that are loaded: what stands there is in the code, too."""
    files = [str(vars(module).get("__file__")) for module in list(sys.modules.values())]
    return {os.path.realpath(file) for file in files if file.endswith(".py")}


def _begun_files(calls: Iterable[list[Event]]) -> set[str]:
    """Return the files whose text began in the audit, as that of a log which every fold goes on."""
    first: dict[str, str] = {}
    for event in itertools.chain.from_iterable(calls):
        if event.kind == "move":  # whatever stood there before
            first[event.what.rpartition("\n")[2]] = event.kind
        first.setdefault(event.what, event.kind)
    return {path for path, kind in first.items() if kind == "write"}


def _without_own_files(events: Iterable[Event], kept: Collection[str]) -> Iterator[Event]:
    """Leave out reads of files that the training made before; native code may have written them.

    Those of `kept` may be opened to append to them, too.
    """
    begin, own, others = _NEVER, set[str](), set[str]()
    for event in events:
        if event.kind == "begin":
            begin = event.changed
        elif event.kind == "write":
            own.add(event.what)
        elif event.kind == "touch":
            others.add(event.what)
        elif event.kind == "move":
            source, place = event.what.split("\n")
            made = source in own or (event.changed >= begin and source not in others)
            (own if made else others).add(place)
            own -= set() if made else {place}
        elif event.kind == "append":
            others.add(event.what)
            if event.what not in own and event.what not in kept:
                yield event._replace(kind="read")
        else:
            new = event.kind == "read" and event.changed >= begin and event.what not in others
            if not new and event.what not in own:
                yield event


def allowed_roots(task: Task) -> list[Path]:
    """Return what a training of this method may read: libraries, the package, its own weights."""
    roots = {sys.prefix, sys.base_prefix, *map(str, library_folders()), *_SYSTEM}
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
_NEVER = sys.maxsize
_WHILE = "While a fold trains or is tested, the program"
_ARRAYS = (
    "Put all that a fold learns from into the arrays, or into weights with a card, and use nothing "
    "else while it trains."
)
# What is said of the things of one kind, which stand in between, and what to do.
_SAID = MappingProxyType(
    {
        "read": (
            f"{_WHILE} reads",
            "which is no library, nor the method's own weights: labels or statistics of tested "
            f"subjects may stand there. {_ARRAYS}",
        ),
        "list": (
            f"{_WHILE} lists the folder",
            f"and the names of files may tell labels. {_ARRAYS}",
        ),
        "connect": (f"{_WHILE} connects to", f"which may know the labels. {_ARRAYS}"),
        "start": (
            f"{_WHILE} starts",
            f"and what another program reads is not recorded. {_ARRAYS}",
        ),
        "call": (
            f"{_WHILE} looks up with ctypes, in the C library,",
            "by which files and connections are opened without a record. Open them with Python's "
            "own functions, so that the audit can say what is read.",
        ),
        "mapped": (
            "Before the audit began, the program had mapped into its memory (as np.memmap does)",
            "where a training can read without opening it; whether one does cannot be seen. If "
            "clips or labels stand there, load them as arrays or close the file, and audit again.",
        ),
        "off": (
            f"{_WHILE} switches off",
            "so that nobody knows what it reads then. Remove the calls into the audit's own code.",
        ),
    }
)


def _is_wrong(event: Event, roots: list[Path], audit: int) -> bool:
    """Whether something is no part of an honest training; `audit` is when the first one began."""
    kind, what, changed = event
    if kind == "connect":
        return _TORCHS_SOCKET not in what
    if kind == "start":
        program, *options = what.split(_hook.BETWEEN)
        own = Path(program).name == Path(sys.executable).name
        known = own and not set(options) & set(_UNRECORDED)
        known |= (program, *options[:-1]) in _ENDS_WORKERS and options[-1].isdigit()
        known |= (program, *options[:-1]) == _HASHES_HEADER and _is_header(Path(options[-1]))
        return not known and Path(program).name not in _TOOLS
    if kind in ("read", "list", "mapped"):
        new = kind != "read" or changed >= audit
        return not _is_allowed(Path(what), roots, new=new)
    return kind in _SAID


def _is_header(path: Path) -> bool:
    """Whether a file is a header that a compiler has preprocessed, among the temporary files."""
    return path.stem == "header" and path.is_relative_to(tempfile.gettempdir())


def _is_allowed(path: Path, roots: list[Path], *, new: bool) -> bool:
    """Whether a path belongs to a library; what it left before the audit is no data of a run."""
    temporary = Path(tempfile.gettempdir()).resolve()
    for folder in (temporary, Path("/dev/shm")):
        inside = path.is_relative_to(folder) and path != folder
        name = path.relative_to(folder).parts[0] if inside else ""
        if name.startswith(_OF_LIBRARIES) and (new or name.startswith(_COMPILED)):
            return True
    if path.is_relative_to("/proc") and path.name == "mem":
        return False
    known = any(path.is_relative_to(root) for root in roots)
    return path == temporary or known or is_installed(path)


def _finding(kind: str, things: set[str], doing: str) -> Finding:
    said, then = _SAID[kind]
    return Finding(
        check="recording",
        severity="note" if kind == "mapped" else "leak",
        fold="",
        message=f"{said} {some(things)}, {then}".replace(_WHILE, doing),
    )


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
