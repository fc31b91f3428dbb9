"""What the file systems of fsspec do for OpenMER: bounded waits, one error, whole files only."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from openmer._folder_stamp import STAMP
from openmer._places import default_cache_root
from openmer._stand_ins import shown, without_secrets
from openmer._temporary_names import unique_mark
from openmer.errors import ConfigError, DataError, OpenMERError

MOST_FILES = 100_000  # of a folder that is copied
SENDING = ".openmer-sending.json"  # while a folder is sent: its files, none of which is complete
COMPLETE_LAST = (STAMP, "done.json")  # they say that the rest is there

_BATCH = 256  # files that are copied before the list of copies is written
_WAIT_S = 15  # for a server to answer
_MARKS = ("ETag", "etag", "Content-MD5", "md5Hash")
_TIMES = ("LastModified", "mtime", "Last-Modified", "updated", "created")
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "http": "aiohttp", "https": "aiohttp"}


@contextmanager
def asking(url: str) -> Iterator[tuple[Any, str]]:
    """Give the file system of a URL, and the URL's path in it; name the URL in every error."""
    scheme = url.partition("://")[0]
    package = "fsspec" if find_spec("fsspec") is None else _PACKAGES.get(scheme, "fsspec")
    if find_spec(package) is None:
        raise ConfigError(
            f"{scheme}:// needs the package {package}. Install it with: pip install "
            "'openmer[remote]'"
        )
    if scheme in {"ssh", "sftp"} and find_spec("paramiko") is None:
        raise ConfigError(
            f"{scheme}:// needs the package paramiko. Install it with: pip install paramiko"
        )
    with explained(url):
        yield import_module("fsspec.core").url_to_fs(url, **_options(scheme))


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn whatever a file system raises into one error with the URL, and without secrets."""
    name = without_secrets(url)
    try:
        yield
    except (OpenMERError, MemoryError):
        raise
    except Exception as error:  # each service has errors of its own
        raise DataError(_reason(name, error)) from None


def _reason(name: str, error: BaseException) -> str:
    """Write what went wrong with a URL, and what to do."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError):
        status = getattr(cause, "status", 404 if cause is None else 0)  # of an answer by HTTP
        if (
            status in {404, 410}
            or isinstance(cause, FileNotFoundError)
            or hasattr(cause, "response")
        ):
            bucket = " (no such bucket)" if "bucket does not exist" in str(error) else ""
            return f"There is no {name}{bucket}. Correct the URL."
        error = cause or error
    said = f"{type(error).__name__}: {without_secrets(shown(str(error)))}"
    todo = "Check the address, and that it can be reached from here."
    denied = getattr(error, "status", 0) in {401, 403}
    if isinstance(error, PermissionError) or denied or "Credential" in said or "Authentic" in said:
        todo = "Check the user, the key or the variables that hold them, and their rights."
    reason = " ".join(said.split())[:160].rstrip(". ")
    return f"{name} cannot be read or written ({reason}). {todo}"


def _options(scheme: str) -> dict[str, Any]:
    """Bound every wait; refuse a host of SSH whose key is not known."""
    if scheme in {"http", "https"}:
        timeout = import_module("aiohttp").ClientTimeout(
            total=None, sock_connect=_WAIT_S, sock_read=_WAIT_S
        )
        return {"client_kwargs": {"timeout": timeout}}
    if scheme in {"ssh", "sftp"}:
        waits = dict.fromkeys(("timeout", "banner_timeout", "auth_timeout"), _WAIT_S)
        return {**waits, "host_key_policy": _known_hosts()}
    return {}


def _known_hosts() -> object:
    """Return a policy of paramiko: hosts whose keys are in ~/.ssh/known_hosts, and no others."""
    paramiko = import_module("paramiko")

    def check(_self: object, _client: object, host: str, key: object) -> None:
        known = paramiko.HostKeys()
        with suppress(OSError):
            known.load(str(Path("~/.ssh/known_hosts").expanduser()))
        if not known.check(host, key):
            raise PermissionError(f"the key of {host} is not in ~/.ssh/known_hosts")

    return type("KnownHosts", (paramiko.MissingHostKeyPolicy,), {"missing_host_key": check})()


def print_of(info: Mapping[str, Any]) -> list[str] | None:
    """Return what tells one version of a file from another; None where nothing does."""
    mark = next((str(info[name]) for name in _MARKS if info.get(name)), None)
    when = next((str(info[name]) for name in _TIMES if info.get(name)), None)
    known = mark or when
    return None if known is None else [known, str(info.get("size"))]


def complete_in(
    files: Any,  # noqa: ANN401
    root: str,
    found: Mapping[str, Mapping[str, Any]],
    folder: Path,
) -> dict[Path, Mapping[str, Any]]:
    """Choose the files of a folder: those that are complete, and lie inside of it."""
    if len(found) > MOST_FILES:
        raise DataError(f"It holds more than {MOST_FILES:,} files. Name a smaller folder.")
    half = set()
    for name in found:
        if name.rpartition("/")[2] == SENDING:
            inner = name.rpartition("/")[0]
            listed = json.loads(files.cat_file(f"{root}/{name}"))
            half |= {name, *(f"{inner}/{one}".lstrip("/") for one in listed)}
    return {
        folder / name: each
        for name, each in found.items()
        if name not in half and name and ".." not in name.split("/")
    }


def copy_files(files: Any, wanted: Mapping[Path, Mapping[str, Any]], url: str) -> None:  # noqa: ANN401
    """Copy files whose copies are missing or of another version, each complete or not at all."""
    by_folder: dict[Path, list[Path]] = {}
    for path in wanted:
        by_folder.setdefault(path.parent, []).append(path)
    for folder, paths in by_folder.items():
        index, known = _index_of(folder)
        left = [path for path in paths if known.get(path.name) != _state(path, wanted[path])]
        for first in range(0, len(left), _BATCH):
            part = {path: wanted[path] for path in left[first : first + _BATCH]}
            folder.mkdir(parents=True, exist_ok=True)
            _copy_part(files, part, url)
            known |= {path.name: _state(path, info) for path, info in part.items()}
            index.parent.mkdir(parents=True, exist_ok=True)
            made = _beside(index)
            made.write_text(json.dumps(known), encoding="utf-8")
            made.replace(index)


def _copy_part(files: Any, part: Mapping[Path, Mapping[str, Any]], url: str) -> None:  # noqa: ANN401
    """Copy some files of one folder at once."""
    temporary = {path: _beside(path) for path in part}
    try:
        files.get([info["name"] for info in part.values()], [*map(str, temporary.values())])
        for path, made in temporary.items():
            size = part[path].get("size")
            if size is not None and made.stat().st_size != size:
                raise DataError(
                    f"{without_secrets(url)} ended early: {path.name} has {size} bytes, and "
                    f"{made.stat().st_size} came. Repeat the command."
                )
            made.replace(path)
    finally:
        for made in temporary.values():
            made.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:99]}{unique_mark()}")


def _index_of(folder: Path) -> tuple[Path, dict[str, object]]:
    """Return the file that lists the copies in a folder, and what it says."""
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()
    path = default_cache_root() / "remote" / "index" / f"{name}.json"
    try:
        return path, dict(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return path, {}


def _state(path: Path, info: Mapping[str, Any]) -> list[object] | None:
    """Return the version of a file elsewhere with size and time of its copy."""
    try:
        there = path.stat()
    except OSError:
        return ["no copy"]
    return [print_of(info) or unique_mark(), there.st_size, there.st_mtime_ns]


def put_file(files: Any, path: Path, where: str) -> None:  # noqa: ANN401
    """Send a file so that nobody finds a part of it."""
    if not has_folders(files):  # a store of objects shows whole ones only
        files.put_file(str(path), where)
        return
    files.makedirs(files._parent(where), exist_ok=True)
    hidden = f"{files._parent(where)}/.{path.name[:99]}{unique_mark()}"
    files.put_file(str(path), hidden)
    files.ftp.posix_rename(hidden, where)


def put_text(files: Any, where: str, listed: Sequence[str]) -> None:  # noqa: ANN401
    """Send a list of names as a file."""
    if has_folders(files):
        files.makedirs(files._parent(where), exist_ok=True)
    files.pipe_file(where, json.dumps(listed).encode())


def has_folders(files: Any) -> bool:  # noqa: ANN401
    """Tell whether folders have to be made; making one in a store of objects makes a bucket."""
    return "ssh" in files.protocol


def sent_before(files: Any, where: str) -> list[str]:  # noqa: ANN401
    """List the files of a folder that were sent before, whole or in part."""
    found: list[str] = []
    for name in (STAMP, SENDING):
        with suppress(FileNotFoundError):
            told = json.loads(files.cat_file(f"{where}/{name}"))
            held = told["holds"] if name == STAMP else dict.fromkeys(told)
            found += [name, *(one for one, print_ in held.items() if print_ != "folder")]
    return [name for name in found if name != SENDING]
