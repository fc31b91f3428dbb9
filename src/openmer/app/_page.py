"""The page: a place for a video, how far it is, what was found.

Gradio is imported with this module, because it reads the types of the functions here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import gradio as gr

from openmer.app import _text
from openmer.app._jobs import Failed, State, Waiting, Working
from openmer.app._results import Results
from openmer.app._sessions import Sessions
from openmer.app._settings import PageSettings
from openmer.errors import DataError

_VISITORS = 32  # visitors; one is worked for, the others see that they wait

_SHOW = "() => document.querySelector('.verdict')?.scrollIntoView({block: 'nearest'})"

Update = dict[Any, Any]


def build_page(sessions: Sessions, settings: PageSettings) -> gr.Blocks:
    """Build the page as Gradio blocks, without a server.

    Args:
        sessions: Takes the videos.
        settings: What the page accepts.
    """
    return _Page(sessions, settings).blocks


def look(settings: PageSettings) -> dict[str, Any]:
    """Theme, style and script, as `gradio.Blocks.launch` takes them; all of it from this computer.

    Args:
        settings: What the page accepts.
    """
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif"]
    return {
        "theme": gr.themes.Base(
            primary_hue="blue", neutral_hue="stone", font=fonts, font_mono=fonts
        ),
        "head": _text.head(),
        "max_file_size": settings.max_bytes,
    }


@final
class _Page:
    """The parts of the page and what happens to them."""

    def __init__(self, sessions: Sessions, settings: PageSettings) -> None:
        self._sessions = sessions
        with gr.Blocks(title="OpenMER", analytics_enabled=False) as blocks:
            gr.HTML(_text.top(settings), padding=False)
            self._drop = gr.File(label="Video", height=150, elem_id="drop")
            self._status = gr.HTML(visible=False, padding=False, elem_id="status")
            self._stop = gr.Button("Stop", visible=False, elem_id="stop")
            self._found = gr.HTML(visible=False, padding=False, elem_id="found")
            self._choice = gr.Radio(
                label="Choose an event", visible=False, interactive=True, elem_id="choice"
            )
            self._event = gr.HTML(visible=False, padding=False, elem_id="event")
            self._files = gr.HTML(visible=False, padding=False, elem_id="files")
            gr.HTML(_text.foot(), padding=False)
            self._listen(blocks)
        self.blocks: gr.Blocks = blocks

    def _listen(self, blocks: gr.Blocks) -> None:
        parts = [
            self._drop, self._status, self._stop, self._found, self._choice, self._event,
            self._files,
        ]  # fmt: skip
        self._drop.upload(
            self._analyze,
            self._drop,
            parts,
            show_progress="hidden",
            concurrency_limit=_VISITORS,
            api_name="analyze",
        ).then(None, js=_SHOW)
        self._stop.click(
            self._stopped, None, None, show_progress="hidden", queue=False, api_name="stop"
        )
        self._choice.input(
            self._chosen, self._choice, self._event, show_progress="hidden", api_name="event"
        )
        blocks.unload(self._left)

    def _analyze(self, upload: str | None, request: gr.Request) -> Iterator[Update]:
        """Yield what happens to the parts of the page from a video given to its results."""
        if upload is None:
            return
        name = Path(upload).name
        yield self._begun()
        try:
            job = self._sessions.begin(_visitor(request), Path(upload))
        except DataError as error:
            yield self._ended(Failed(message=str(error)), name)
            return
        shown = ""
        for state in job.states():
            text = _text.state_text(state, name)
            if text != shown and isinstance(state, Waiting | Working):
                yield {self._status: _part(text)}
            shown = text
        yield self._ended(job.state, name)

    def _begun(self) -> Update:
        """Clear the results of the video before."""
        emptied = (self._found, self._event, self._files)
        return {
            self._drop: gr.File(value=None, visible=False),
            self._stop: gr.Button(visible=True),
            self._choice: gr.Radio(choices=[], value=None, visible=False),
            **{part: _part("") for part in emptied},
        }

    def _ended(self, state: State, name: str) -> Update:
        """Show a message, or the results with the first event."""
        update: Update = {
            self._drop: gr.File(value=None, visible=True, label="Another video"),
            self._stop: gr.Button(visible=False),
            self._status: _part(_text.state_text(state, name)),
        }
        if not isinstance(state, Results):
            return update
        update[self._found] = _part(_text.results_text(state))
        update[self._files] = _part(_text.files_text(state))
        if state.events:
            numbers = _text.choices(state)
            update[self._choice] = gr.Radio(choices=numbers, value=numbers[0][1], visible=True)
            update[self._event] = _part(_text.event_text(state.events[0]))
        return update

    def _stopped(self, request: gr.Request) -> None:
        self._sessions.stop(_visitor(request))

    def _chosen(self, number: int, request: gr.Request) -> str:
        """Show the event that was chosen."""
        results = self._sessions.results(_visitor(request))
        if results is None:
            return _text.message("These results are not here any more.", "Give the video again.")
        return _text.event_text(results.events[number - 1])

    def _left(self, request: gr.Request) -> None:
        self._sessions.leave(_visitor(request))


def _part(text: str) -> gr.HTML:
    """Build a part of the page, which takes no room while it is empty."""
    return gr.HTML(text, visible=bool(text), padding=False)


def _visitor(request: gr.Request) -> str:
    return str(request.session_hash)
