"""What the server lets in and out: known paths, no foreign pages, no foreign addresses."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import ExitStack
from typing import Any, final
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect

from openmer.app._uploads import RefusedError, Uploads

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Server = Callable[[Scope, Receive, Send], Awaitable[None]]

_INLINE = "'self' 'unsafe-inline'"
_POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src {_INLINE} 'unsafe-eval' blob:",
        f"style-src {_INLINE}",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_UPLOAD = "/gradio_api/upload"
_READ = re.compile(
    r"/(|config/?|theme\.css|favicon\.ico|manifest\.json|robots\.txt|(assets|static|svelte)/.+|"
    r"gradio_api/(theme\.css|startup-events|app_id/?|heartbeat/(?P<visitor>\w+)|queue/data|"
    r"upload_progress|file=/?(?!https?:).+))",
    re.IGNORECASE,
)
_WRITE = re.compile(rf"{_UPLOAD}|/gradio_api/(queue/join|run/\w+|cancel|reset)/?")
_MOST_OPEN = 128  # requests at a time; a page in a browser holds two or three open

_log = logging.getLogger("openmer.app")


@final
class _Answer:
    """What is sent to a visitor, with our headers; and what was wrong with the request.

    Args:
        send: As ASGI has it.
        visitor: The session whose page is still open while this is sent; "" for none.
        on_sign: As in `SecurityMiddleware`.
    """

    def __init__(self, send: Send, visitor: str, on_sign: Callable[[str], None]) -> None:
        self._send = send
        self._visitor = visitor
        self._on_sign = on_sign
        self.status = 0
        self.fault = ""

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        elif self._visitor:
            self._on_sign(self._visitor)
        elif self.status >= 400 and self.status != 500:  # an error 500 is told where it happens
            self.fault = self.fault or message.get("body", b"").decode(errors="replace") or "-"
        await self._send(message)

    async def refuse(self, error: Exception) -> None:
        """Answer with an error, unless there was an answer."""
        is_ours = isinstance(error, RefusedError)
        _log.debug("A request failed.", exc_info=None if is_ours else error)
        if not self.status:
            kind = (b"content-type", b"text/plain; charset=utf-8")
            status = error.status if isinstance(error, RefusedError) else 500
            start = {"type": "http.response.start", "status": status, "headers": [kind]}
            text = str(error) if is_ours else "The page failed."
            await self.send(start)
            await self.send({"type": "http.response.body", "body": text.encode()})
        self.fault = str(error) if is_ours else f"{type(error).__name__}: {error}"


@final
class SecurityMiddleware:
    """Answers the requests of this page alone, loads nothing from elsewhere, and stays short.

    Args:
        app: The server behind it.
        uploads: Bounds what is uploaded.
        on_sign: Called with the session of a visitor whenever their page is still open.
    """

    def __init__(self, app: Server, uploads: Uploads, on_sign: Callable[[str], None]) -> None:
        self._app = app
        self._uploads = uploads
        self._on_sign = on_sign
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it; a bad one is told in one line."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, _visitor(scope), self._on_sign)
        self._open += 1
        try:
            await self._answer(scope, receive, answer.send)
        except ClientDisconnect:
            return
        except Exception as error:  # whatever fails behind this line, the page goes on
            await answer.refuse(error)
        finally:
            self._open -= 1
        if answer.fault:
            _log.warning("%s", _line(scope, answer))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._open > _MOST_OPEN:
            raise RefusedError(503, "Too many requests at a time. Try again in a minute.")
        _check_origin(scope)
        path, is_read = str(scope["path"]), scope["method"] in {"GET", "HEAD"}
        if not (_READ if is_read else _WRITE).fullmatch(path):
            raise RefusedError(404, "There is nothing here.")
        with ExitStack() as opened:
            if not is_read:
                stated = _header(scope, b"content-length")
                receive = opened.enter_context(
                    self._uploads.bound(receive, stated, is_file=path == _UPLOAD)
                )
            await self._app(scope, receive, send)


def _check_origin(scope: Scope) -> None:
    """Refuse what another page has the browser ask; a link to this page is no harm."""
    site = _header(scope, b"sec-fetch-site")
    is_link = scope["path"] == "/" and _header(scope, b"sec-fetch-dest") in {"document", "empty"}
    origin = _header(scope, b"origin")
    host = origin.partition("://")[2]
    is_other = bool(origin) and host.lower() != _header(scope, b"host").lower()
    if is_other or (site not in {"", "same-origin", "none"} and not is_link):
        raise RefusedError(403, "This request comes from another page.")


def _header(scope: Scope, name: bytes) -> str:
    """Return the only header of that name; "" without one."""
    found = [value for key, value in scope["headers"] if key == name]
    if len(found) > 1:
        raise RefusedError(400, f"The header {name.decode()} comes twice.")
    return found[0].decode("latin-1") if found else ""


def _visitor(scope: Scope) -> str:
    """Return the session whose open page a request is a sign of; "" for none."""
    found = _READ.fullmatch(str(scope["path"]))
    if found is None:
        return ""
    if found["visitor"]:
        return found["visitor"]
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    is_stream = scope["path"] == "/gradio_api/queue/data"
    return asked.get("session_hash", [""])[0] if is_stream else ""


def _line(scope: Scope, answer: _Answer) -> str:
    """Say in one short line what was asked and refused; nothing in it can move a cursor."""
    asked = f"{scope['method']} {scope['path']}"[:100]
    line = f"{asked}: {answer.status} {' '.join(answer.fault.split())}"[:250]
    return line.encode("unicode_escape").decode()
