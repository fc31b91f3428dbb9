"""The trials of searches in an Optuna storage: what is done, what is in hand, and by whom.

Several processes may share a storage. A trial in hand is a running trial of Optuna's that names its
process; where that process has ended, the trial counts as failed and is done again. Optuna's own
heartbeat works inside ``study.optimize`` only, which trains one study at a time.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import optuna
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from openmer.errors import ConfigError, DataError
from openmer.evaluation.tuning._sampling import Trial, as_params, direction, distributions
from openmer.training import Search, Settings

BEAT_S = 20.0
GONE_AFTER_S = 120.0
_SQLITE_WAIT_S = 60
_OPEN_HERE: set[str] = set()  # owners whose books are open in this process


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The trials of one search at one moment: done by anybody, and in hand elsewhere."""

    done: dict[int, Trial] = field(default_factory=dict)
    elsewhere: frozenset[int] = frozenset()


class TrialBook:
    """Trials of all searches of one question, kept in a storage; use it as a context manager.

    Args:
        search: What is searched.
        question: Method and hash; with the name of a search it is the name of an Optuna study.
        url: Of the storage, as SQLAlchemy takes it; "" keeps trials in memory.

    Raises:
        ConfigError: The URL is none, or the package that it needs is not installed.
        DataError: The storage cannot be reached.
    """

    def __init__(self, search: Search, question: str, url: str = "") -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._search, self._question, self._url = search, question, url
        self._space = distributions(search)
        self._owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._storage: BaseStorage = open_storage(url) if url else InMemoryStorage()
        self._studies: dict[str, Study] = {}
        self._done: dict[str, dict[int, Trial]] = {}
        self._mine: dict[tuple[str, int], int] = {}
        self._beats: dict[str, tuple[object, float]] = {}
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        _OPEN_HERE.add(self._owner)
        if self._url:
            self._beat_study = self._study("processes")
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Give back what is in hand, so that others need not wait for it."""
        _OPEN_HERE.discard(self._owner)
        self._stop.set()
        with suppress(Exception):
            for (name, _), number in self._mine.items():
                self._fail(self._study(name), number)
        if isinstance(self._storage, RDBStorage):
            self._thread.join()
            self._storage.remove_session()
            self._storage.engine.dispose()

    def read(self, name: str) -> Seen:
        """Read what is known of a search; give up the trials of processes that have ended."""
        done, elsewhere = self._done.setdefault(name, {}), set()
        with storage_errors(self._url):
            study = self._study(name)
            trials = study.get_trials(deepcopy=False)
            complete = {_place(trial) for trial in trials if trial.state == TrialState.COMPLETE}
            if complete - done.keys():
                stored = study.user_attrs
                done.update({place: _read(stored[_key(place)]) for place in complete - done.keys()})
            for trial in trials:
                if trial.state != TrialState.RUNNING or self._is_mine(trial):
                    continue
                if self._is_alive(str(trial.user_attrs["owner"])):
                    elsewhere.add(_place(trial))
                else:
                    self._fail(study, trial.number)
        return Seen(done=done, elsewhere=frozenset(elsewhere - done.keys()))

    def claim(self, name: str, place: int, settings: Settings) -> bool:
        """Take a trial in hand; False where another process was faster."""
        with storage_errors(self._url):
            study = self._study(name)
            study.add_trial(
                create_trial(
                    state=TrialState.RUNNING,
                    params=as_params(settings),
                    distributions=self._space,
                    user_attrs={"place": place, "owner": self._owner},
                )
            )
            running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            same = [trial for trial in running if _place(trial) == place]
            own = max(trial.number for trial in same if self._is_mine(trial))
            rivals = [trial for trial in same if trial.number < own and not self._is_mine(trial)]
            if any(self._is_alive(str(trial.user_attrs["owner"])) for trial in rivals):
                self._fail(study, own)
                return False
        self._mine[name, place] = own
        return True

    def finish(self, name: str, trial: Trial) -> None:
        """Store the outcome of a trial in hand."""
        with storage_errors(self._url):
            study = self._study(name)
            study.set_user_attr(_key(trial.place), asdict(trial))
            # Another process may have given it up; then the outcome is stored as a new trial.
            try:
                study.tell(self._mine.pop((name, trial.place)), trial.score(self._search))
            except ValueError:
                study.add_trial(
                    create_trial(
                        params=as_params(trial.settings),
                        distributions=self._space,
                        value=trial.score(self._search),
                        user_attrs={"place": trial.place, "owner": self._owner},
                    )
                )

    def _study(self, name: str) -> Study:
        if name not in self._studies:
            self._studies[name] = optuna.create_study(
                study_name=f"{self._question}/{name}",
                storage=self._storage,
                direction=direction(self._search),
                sampler=RandomSampler(),
                load_if_exists=True,
            )
        return self._studies[name]

    def _is_mine(self, trial: FrozenTrial) -> bool:
        return bool(trial.user_attrs["owner"] == self._owner)

    def _fail(self, study: Study, number: int) -> None:
        with suppress(ValueError):  # it has been finished, or given up by others
            study.tell(number, state=TrialState.FAIL)

    def _is_alive(self, owner: str) -> bool:
        """Whether the process that holds a trial still runs, as far as one can tell from here."""
        if owner in _OPEN_HERE:
            return True
        host, pid, _ = owner.rsplit("/", 2)
        if os.name == "posix" and host == socket.gethostname():
            return int(pid) != os.getpid() and _runs(int(pid))
        now, beat = time.monotonic(), self._beat_study.user_attrs.get(owner)
        last, since = self._beats.get(owner, (None, now))
        if owner not in self._beats or last != beat:
            self._beats[owner] = (beat, now)
            return True
        return now - since < GONE_AFTER_S

    def _beat(self) -> None:
        """Tell other machines that this process lives; they need no common clock for it."""
        number = 0
        while not self._stop.is_set():
            number += 1
            with suppress(Exception):  # what is wrong with the storage shows in the main thread
                self._beat_study.set_user_attr(self._owner, number)
            self._stop.wait(BEAT_S)
        if isinstance(self._storage, RDBStorage):
            self._storage.remove_session()


def open_storage(url: str) -> RDBStorage:
    """Open the storage at a URL; create its tables where they are missing.

    Raises:
        ConfigError: The URL is none, or the package that it needs is not installed.
        DataError: The storage cannot be reached.
    """
    with storage_errors(url):
        sqlite = make_url(url).get_backend_name() == "sqlite"
        options: dict[str, Any] = {"connect_args": {"timeout": _SQLITE_WAIT_S}} if sqlite else {}
        for _ in range(4):
            with suppress(_MadeByOthersError):
                return _opened(url, options)
            time.sleep(0.5)
        return RDBStorage(url, engine_kwargs=options)


class _MadeByOthersError(Exception):
    """Two processes made the same tables at once, and this one found them made."""


def _opened(url: str, options: dict[str, Any]) -> RDBStorage:
    try:
        return RDBStorage(url, engine_kwargs=dict(options))
    except DatabaseError as error:
        if "exist" in str(error).lower() or "unique" in str(error).lower():
            raise _MadeByOthersError from error
        raise


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turn what goes wrong with a storage into one clear error without its password."""
    try:
        yield
    except (ArgumentError, ImportError) as error:
        raise ConfigError(
            f"The storage {_shown(url)} cannot be opened: {_first_line(error)}. Give a URL like "
            "sqlite:///search.db or postgresql://user@host/name, and install its driver."
        ) from error
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ or error
        raise DataError(
            f"The storage {_shown(url)} cannot be reached: {_first_line(cause)}. Check the address "
            "and that the folder or the server is there; finished trials are kept."
        ) from error


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(url)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _place(trial: FrozenTrial) -> int:
    return int(trial.user_attrs["place"])


def _read(stored: dict[str, Any]) -> Trial:
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["settings"].items()}
    return Trial(**{**stored, "settings": settings, "losses": tuple(stored["losses"])})


def _key(place: int) -> str:
    return f"place {place}"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
