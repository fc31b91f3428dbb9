"""The trials of searches in an Optuna storage: what is done stays done.

One process searches and writes; others train for it (see `openmer.Engine`). Two that search the
same into one storage do the same trials, and the first one of each counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Self

import optuna
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.study import Study
from optuna.trial import TrialState, create_trial
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from openmer.errors import ConfigError, DataError
from openmer.evaluation.tuning._sampling import Trial, as_params, direction, distributions
from openmer.training import Search

_SQLITE_WAIT_S = 60


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
        self._storage: BaseStorage = open_storage(url) if url else InMemoryStorage()
        self._studies: dict[str, Study] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave the storage."""
        if isinstance(self._storage, RDBStorage):
            self._storage.remove_session()
            self._storage.engine.dispose()

    def read(self, name: str) -> dict[int, Trial]:
        """Read what is done of a search, by the place of each trial."""
        with storage_errors(self._url):
            found = self._study(name).get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        stored = [trial.user_attrs.get("trial") for trial in found]  # others write no such thing
        trials = [_read(one) for one in stored if one]
        return {trial.place: trial for trial in reversed(trials)}

    def add(self, name: str, trial: Trial) -> None:
        """Store a trial that is done."""
        with storage_errors(self._url):
            self._study(name).add_trial(
                create_trial(
                    params=as_params(trial.settings),
                    distributions=self._space,
                    value=trial.score(self._search),
                    user_attrs={"trial": asdict(trial)},
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


def _read(stored: dict[str, Any]) -> Trial:
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["settings"].items()}
    return Trial(**{**stored, "settings": settings, "losses": tuple(stored["losses"])})
