"""Serves the page from this computer to this computer, and leaves no file behind."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, final

from openmer.app._settings import PageSettings, is_loopback
from openmer.errors import ConfigError, DataError
from openmer.files import temporary_folder

if TYPE_CHECKING:
    import gradio
    from starlette.middleware import Middleware

    from openmer.deployment import FittedModel

_NAMES_OF_THIS_COMPUTER = ("localhost", "127.0.0.1")
_TIDIED_EVERY_S = 2.0

_log = logging.getLogger("openmer.app")


def serve(
    settings: PageSettings,
    model: FittedModel | None,
    *,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the page until the process is interrupted (Ctrl-C) or terminated.

    Everything it writes lies in one folder inside of the temporary folder, which is removed at the
    end.

    Args:
        settings: Where, and what is accepted.
        model: A trained method; None gives events without classes.
        on_ready: Called with the address once the page can be opened.

    Raises:
        ConfigError: Gradio is not installed, or the port cannot be used.
        DataError: The temporary folder has less room than the largest file needs.
    """
    if find_spec("gradio") is None:
        raise ConfigError("The page needs Gradio. Install it with: pip install 'openmer[app]'")
    with (
        _end_of_the_process() as end,
        _temporary_folder(settings) as folder,
        _running(settings, model, folder) as (address, tidy),
    ):
        on_ready(address)
        while not end.wait(_TIDIED_EVERY_S):
            tidy()


@contextmanager
def _temporary_folder(settings: PageSettings) -> Iterator[Path]:
    """Yield a folder that takes all temporary files of this process."""
    before = tempfile.tempdir
    with temporary_folder("openmer-page") as place:
        folder = place.resolve()
        free_mb = shutil.disk_usage(folder).free / 2**20
        if free_mb < settings.max_mb:
            raise DataError(
                f"The temporary folder {folder.parent} has {free_mb:.0f} MB left; videos may have "
                f"{settings.max_mb:g} MB. Make room, give a smaller --max-mb, or set TMPDIR."
            )
        for part in ("uploads", "results", "other"):
            (folder / part).mkdir()
        tempfile.tempdir = str(folder / "other")
        try:
            yield folder
        finally:
            tempfile.tempdir = before


@contextmanager
def _running(
    settings: PageSettings, model: FittedModel | None, folder: Path
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Run the server; yield its address, and what removes the files that nobody waits for."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    from starlette.middleware import Middleware

    from openmer.app._page import build_page
    from openmer.app._security import SecurityMiddleware
    from openmer.app._sessions import Sessions
    from openmer.app._uploads import Uploads

    _shorten_tracebacks()
    sessions, uploads = Sessions(folder / "results", model, settings), Uploads(folder, settings)
    page = build_page(sessions, settings)

    def tidy() -> None:
        sessions.expire()
        uploads.tidy()

    try:
        guard = Middleware(SecurityMiddleware, uploads=uploads, on_sign=sessions.note)
        yield _launched(page, settings, folder / "results", guard), tidy
    finally:
        sessions.close()
        page.close(verbose=False)


def _launched(page: gradio.Blocks, settings: PageSettings, results: Path, guard: Middleware) -> str:
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from openmer.app._page import look

    own = [*_NAMES_OF_THIS_COMPUTER, settings.host] if is_loopback(settings.host) else ["*"]
    guards = [Middleware(TrustedHostMiddleware, allowed_hosts=own), guard]
    try:
        _, address, _ = page.launch(
            server_name=settings.host,
            server_port=settings.port,
            inbrowser=settings.open_browser,
            allowed_paths=[str(results)],
            app_kwargs={"middleware": guards, "docs_url": None, "redoc_url": None},
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            run_history=False,
            enable_monitoring=False,
            footer_links=[],
            **look(settings),
        )
    except OSError as error:
        where = f"{settings.host}, port {settings.port or '7860 to 7959'}"
        raise ConfigError(
            f"The page cannot be served at {where}: taken, not permitted, or no address of this "
            "computer. Give another --port or --host."
        ) from error
    return str(address)


@final
class _OneLine:
    """Stands for the module `traceback` where one would be printed for each bad request."""

    def __getattr__(self, name: str) -> object:
        return getattr(traceback, name)

    @staticmethod
    def print_exc() -> None:
        """Write one line; the rest is for those who log at the level "debug"."""
        error = sys.exc_info()[1]
        _log.warning(
            "A request failed: %.200s", " ".join(f"{type(error).__name__}: {error}".split())
        )
        _log.debug("Where it failed:", exc_info=True)


def _shorten_tracebacks() -> None:
    """Let Gradio write one line for each bad request."""
    for name, module in list(sys.modules.items()):
        if name.startswith("gradio.") and getattr(module, "traceback", None) is traceback:
            module.traceback = _OneLine()  # type: ignore[attr-defined]
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


@contextmanager
def _end_of_the_process() -> Iterator[threading.Event]:
    """Yield an event that is set when the process is interrupted or terminated."""
    end = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        end.set()

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    kinds = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {kind: signal.signal(kind, stop) for kind in kinds}
    try:
        yield end
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
