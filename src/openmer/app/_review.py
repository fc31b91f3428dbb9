"""A coder decides about found events by keyboard, on a page of this computer."""

from __future__ import annotations

import base64
import io
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import uvicorn
from PIL import Image as Pillow
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from openmer.app._decisions import (
    Decision,
    Review,
    ReviewItem,
    first_of,
    review_items,
    reviews_folder,
)
from openmer.app._pictures import face_frames_of
from openmer.app._review_page import review_page
from openmer.errors import ConfigError, DataError, OpenMERError
from openmer.files import readable
from openmer.video import Video, magnified, replay_margin_s, replay_plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_JPEG_QUALITY = 88
_KEPT = 3  # events whose pictures are kept in memory
_OPEN = 2  # videos with their decoders
_MOST_BYTES = 10_000  # of a decision
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Asked(BaseModel):
    """A decision that the page sends; None takes one back."""

    model_config = ConfigDict(extra="forbid")

    decision: Decision | None


@final
class Reviewing:
    """The events of some videos, their pictures, and the decisions of one coder.

    Args:
        results: Folder that `openmer analyze` wrote, of one video or of several.
        coder: Name of the coder.

    Raises:
        ConfigError: The name of the coder is no such name.
        DataError: There are no results, no event, or a review that cannot be read.
    """

    def __init__(self, results: Path, coder: str) -> None:
        self.items = review_items([results])
        if not self.items:
            raise DataError(f"{results} holds no event, so there is nothing to review.")
        self.review = Review(reviews_folder(results), coder)
        self._videos: dict[Path, Video] = {}
        self._pictures: dict[int, dict[str, Any]] = {}
        self._reading, self._deciding = threading.Lock(), threading.Lock()

    def listed(self) -> list[dict[str, Any]]:
        """Say of every event what was found and what was decided, as JSON has it."""
        return [self._told(item) for item in self.items]

    def pictures(self, number: int) -> dict[str, Any]:
        """Cut out the frames of an event with a margin, plain and magnified, as data URIs."""
        with self._reading:
            if number not in self._pictures:
                self._pictures[number] = self._cut(self.items[number])
            while len(self._pictures) > _KEPT:
                self._pictures.pop(next(iter(self._pictures)))
            return self._pictures[number]

    def decide(self, number: int, decision: Decision | None) -> None:
        """Keep a decision.

        Raises:
            DataError: As `ReviewItem.check`, or the file cannot be written.
        """
        item = self.items[number]
        if decision is not None:
            item.check(decision)
        with self._deciding:
            self.review.decide(item.key, decision)

    def close(self) -> None:
        """Close the videos."""
        for video in self._videos.values():
            video.close()

    def _told(self, item: ReviewItem) -> dict[str, Any]:
        decision = self.review.decisions.get(item.key)
        event = item.event
        return {
            "video": readable(item.folder.resolve().name),
            "number": item.number,
            "kind": event.kind,
            "subject": event.subject_id,
            "headline": event.headline,
            "reason": event.reason,
            "found": item.found.model_dump(),
            "decision": None if decision is None else decision.model_dump(),
        }

    def _cut(self, item: ReviewItem) -> dict[str, Any]:
        """Read the frames; passes over one video remember its key frames."""
        if item.folder not in self._videos:
            while len(self._videos) >= _OPEN:
                self._videos.pop(next(iter(self._videos))).close()
            self._videos[item.folder] = item.open(threads=2)
        event = item.event
        rate = (event.offset_frame - event.onset_frame) / max(event.duration_s, 1e-3)
        margin = round(rate * replay_margin_s(event))
        seen = face_frames_of(
            self._videos[item.folder],
            event,
            event.onset_frame - margin,
            event.offset_frame + margin,
        )
        plan = replay_plan(event, seen.fps)
        try:
            larger = [_uri(image) for image in magnified(seen, plan)]
        except DataError:  # too few frames
            larger = []
        return {
            "frames": list(seen.numbers),
            "times": [round(float(time_s), 4) for time_s in seen.times_s],
            "fps": seen.fps,
            "plain": [_uri(image) for image in seen.crops_rgb],
            "magnified": larger,
            "times_larger": plan.times,
        }


def _uri(image: NDArray[np.uint8]) -> str:
    content = io.BytesIO()
    Pillow.fromarray(image).save(content, "JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


@final
class _Server:
    """Answers the page of a review; all but the page itself asks for the token."""

    def __init__(self, reviewing: Reviewing, token: str) -> None:
        self._reviewing = reviewing
        self._token = token

    def application(self) -> Starlette:
        """Build the ASGI application."""
        guard = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
        routes = [
            Route("/", self._page),
            Route("/events", self._listed),
            Route("/events/{number}/pictures", self._pictures),
            Route("/events/{number}", self._decided, methods=["POST"]),
        ]
        return Starlette(routes=routes, middleware=[guard])

    def _page(self, request: Request) -> Response:
        if not self._is_own(request.query_params.get("token", "")):
            return HTMLResponse("Open the address that the terminal shows.", status_code=403)
        nonce = secrets.token_urlsafe(16)
        headers = {
            "content-security-policy": _POLICY.format(nonce=nonce),
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
        }
        return HTMLResponse(review_page(self._reviewing.review.coder, nonce), headers=headers)

    def _listed(self, request: Request) -> Response:
        return self._answered(request, lambda _: self._reviewing.listed())

    def _pictures(self, request: Request) -> Response:
        return self._answered(request, self._reviewing.pictures)

    async def _decided(self, request: Request) -> Response:
        body = b""
        if self._has_token(request):
            async for part in request.stream():
                body += part
                if len(body) > _MOST_BYTES:
                    return _said("A decision is too long. Shorten the comment.", 413)

        def work(number: int) -> object:
            self._reviewing.decide(number, _Asked.model_validate_json(body).decision)
            return {"decided": len(self._reviewing.review.decisions)}

        return self._answered(request, work)

    def _answered(self, request: Request, work: Callable[[int], object]) -> Response:
        """Answer with JSON: what the work gives, or what was wrong."""
        if not self._has_token(request):
            return _said("The page is of another session. Open it again.", 403)
        number = str(request.path_params.get("number", "0"))
        if number not in map(str, range(len(self._reviewing.items))):
            return _said("There is no such event.", 404)
        try:
            return JSONResponse(work(int(number)))
        except ValidationError as error:
            return _said(f"The decision was not kept: {first_of(error)}.", 400)
        except (OpenMERError, OSError) as error:
            return _said(str(error), 400)
        except Exception as error:  # such as of a damaged video: the page goes on
            return _said(f"{type(error).__name__}: {error}", 500)

    def _has_token(self, request: Request) -> bool:
        return self._is_own(request.headers.get("x-openmer-token", ""))

    def _is_own(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


def _said(error: str, status: int) -> Response:
    """Say what was wrong; parts of a file's name that are no text become escapes."""
    return JSONResponse({"error": readable(error)}, status)


def review(
    results: Path,
    coder: str,
    *,
    port: int | None = None,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the page of a review to this computer alone, until Ctrl-C.

    Args:
        results: Folder that `openmer analyze` wrote.
        coder: Name of the coder.
        port: By default a free one.
        on_ready: Called with the address, which holds a secret word.

    Raises:
        ConfigError: The port is taken, or as `Reviewing`.
        DataError: As `Reviewing`.
    """
    reviewing = Reviewing(results, coder)
    token = secrets.token_urlsafe(16)
    listener = socket.socket()
    try:
        listener.bind(("127.0.0.1", port or 0))
        listener.listen(128)  # a browser that is faster than the server waits
    except OSError as error:
        listener.close()
        raise ConfigError(f"The port {port} is taken. Give another --port.") from error
    on_ready(f"http://127.0.0.1:{listener.getsockname()[1]}/?token={token}")
    config = uvicorn.Config(_Server(reviewing, token).application(), log_level="error")
    try:
        with suppress(KeyboardInterrupt):  # the way to end it
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        reviewing.close()
        listener.close()
