"""The page without a browser: what it takes, who waits, and that nothing stays."""

import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import av
import httpx
import numpy as np
import pytest
import typer
from tests.app.made_page import served, write_long, write_two_events
from tests.video.made_analysis import event
from tests.video.made_videos import write_event, write_still
from typer.testing import CliRunner

from openmer.app import PageSettings, is_loopback
from openmer.app._jobs import Failed, Job, Stopped, Waiting, Working
from openmer.app._queue import Queue
from openmer.app._results import Results, check_size, find, shown_event
from openmer.app._sessions import Sessions
from openmer.app._text import choices, event_text, results_text, state_text
from openmer.cli._option_groups import spread
from openmer.cli.page import page as command
from openmer.errors import ConfigError, DataError
from openmer.video import Evidence, RegionShift

TENTH = PageSettings(max_minutes=0.1)


def nothing(*_progress):
    """A progress callback."""


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return {
        "event": write_event(folder / "event.mp4", still=45),
        "wall": write_still(folder / "wall.mp4"),
        "calm": write_still(folder / "calm.mp4", subject_id=1),
        "long": write_long(folder / "long.mp4"),
    }


@pytest.fixture
def sessions(tmp_path):
    made = Sessions(tmp_path / "results", None, PageSettings(max_minutes=0.25))
    yield made
    made.close()


@pytest.fixture
def give(films, tmp_path):
    """A copy of a video that the page may move away."""

    def copy(name):
        path = tmp_path / "uploads" / films[name].name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(films[name].read_bytes())
        return path

    return copy


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def end_of(job):
    return list(job.states())[-1]


def test_an_event_is_found_and_everything_about_it_can_be_kept(sessions, give, tmp_path):
    upload = give("event")
    found = end_of(sessions.begin("ada", upload))
    assert isinstance(found, Results)
    assert sessions.results("ada") is found
    shown, number = found.events[0], len(found.events)
    assert [picture.title for picture in shown.pictures] == ["Onset", "Apex", "Movement"]
    assert shown.replay.is_file()
    assert [path.name for path in found.files] == [
        "report.html", "events.csv", "events.json", "everything.zip",
    ]  # fmt: skip
    assert str(tmp_path) not in found.files[0].read_text(encoding="utf-8")
    assert "event.mp4" not in files_in(tmp_path), "the video stays after its analysis"
    text = event_text(shown)
    assert "A movement, without a class" in text
    assert all(picture.path.name in text for picture in shown.pictures)
    assert 'href="#event-1"' in results_text(found)
    words = choices(found)
    assert [place for _, place in words] == list(range(1, number + 1))
    assert all(re.fullmatch(r"\d · 0:0\d\.\d\d · (micro|macro)", text) for text, _ in words)


def test_files_go_when_their_visitor_goes(sessions, give, tmp_path):
    for visitor in ("ada", "bob"):
        end_of(sessions.begin(visitor, give("calm")))
    sessions.leave("ada")
    assert sessions.results("ada") is None
    assert len(list((tmp_path / "results").iterdir())) == 1
    end_of(sessions.begin("bob", give("wall")))
    assert len(list((tmp_path / "results").iterdir())) == 1, "bob's first video stays"
    sessions.close()
    assert files_in(tmp_path) == []


def test_who_leaves_in_the_middle_leaves_nothing(sessions, give, tmp_path):
    job = sessions.begin("ada", give("event"))
    next(job.states())
    sessions.leave("ada")
    job.join(20)
    assert list((tmp_path / "results").iterdir()) == []


def write_stream(path, size_px):
    """Twenty black frames as a transport stream, parts of which may follow one another."""
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = size_px
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(np.zeros((size_px, size_px, 3), np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def test_frames_that_grow_count_as_large_as_they_are(tmp_path):
    video = tmp_path / "a.ts"
    video.write_bytes(write_stream(video, 64) + write_stream(tmp_path / "b.ts", 1024))
    settings = PageSettings(max_gigapixels=0.03)  # the header says 64 pixels
    with pytest.raises(DataError, match=r"0\.0 gigapixels in its 31 frames"):
        find(video, tmp_path, None, settings, nothing)


def test_the_folder_of_all_uploads_is_no_video(sessions, give, tmp_path):
    upload = give("calm")
    with pytest.raises(DataError, match="not here any more"):
        sessions.begin("ada", upload.parent)
    assert upload.is_file() and sessions.results("ada") is None


def test_who_gives_no_sign_leaves(sessions, give, tmp_path):
    for visitor in ("ada", "bob"):
        end_of(sessions.begin(visitor, give("calm")))
    sessions.expire()
    assert sessions.results("bob") is not None
    for room in sessions._rooms.values():
        room.seen_s -= 61
    sessions.note("ada")
    sessions.note("nobody")
    sessions.expire()
    assert sessions.results("ada") is not None and sessions.results("bob") is None
    assert len(list((tmp_path / "results").iterdir())) == 1


def test_so_many_visitors_and_no_more(sessions, give, monkeypatch):
    monkeypatch.setattr("openmer.app._sessions._MOST_ROOMS", 1)
    sessions.begin("ada", give("calm"))
    with pytest.raises(DataError, match="works for 1 others"):
        sessions.begin("bob", give("calm"))
    assert isinstance(end_of(sessions.begin("ada", give("wall"))), Results)


def test_a_video_that_would_keep_others_waiting_is_refused(films, sessions, give):
    assert PageSettings().refuse_work(18_000, 1920 * 1080) is None  # 10 minutes of it
    with pytest.raises(DataError, match=r"41\.5 gigapixels .* takes at most 40"):
        PageSettings().refuse_work(20_000, 1920 * 1080)
    with pytest.raises(DataError, match="gigapixels"):
        PageSettings().refuse_work(400_001, 16)
    few = PageSettings(max_gigapixels=0.001)
    with pytest.raises(DataError, match="gigapixels in its 40 frames"):
        check_size(films["calm"], few, nothing)
    sessions._settings = few
    assert "--max-gigapixels" in end_of(sessions.begin("ada", give("calm"))).message


def test_stop_ends_an_analysis_and_removes_the_video(sessions, give, tmp_path):
    job = sessions.begin("ada", give("event"))
    while job.state == Working():
        time.sleep(0.01)
    sessions.stop("ada")
    assert end_of(job) == Stopped()
    assert files_in(tmp_path) == []


def test_a_saliency_map_is_shown_where_there_is_one(tmp_path):
    gray = np.full((64, 64, 3), 90, np.uint8)
    found = Evidence(
        event=event(), onset_rgb=gray, apex_rgb=gray, flow_rgb=gray, flow_full_percent=2.0,
        regions=(RegionShift(name="chin", percent=1.5, direction="up"),), saliency_rgb=gray,
        saliency_note="Bright places raise the class positive.",
    )  # fmt: skip
    text = event_text(shown_event(1, found, None, tmp_path))
    assert "Positive, confidence 0.81" in text and "1.5 % up" in text
    assert "What the model looked at" in text and text.count("<img") == 4
    assert "too few frames" in text
    unsure = replace(event(), class_name=None)
    without = replace(
        found, event=unsure, saliency_rgb=None, saliency_note="There is no saliency map."
    )
    text = event_text(shown_event(2, without, None, tmp_path))
    assert "Not sure of the class" in text and "There is no saliency map." in text
    assert text.count("<img") == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [("wall", "No face was found"), ("calm", "Nothing found")],
)
def test_no_event_is_a_result(sessions, give, name, words):
    found = end_of(sessions.begin("ada", give(name)))
    assert found.events == ()
    assert words in results_text(found)


def test_what_cannot_be_analysed_gets_a_sentence_without_paths(sessions, give, tmp_path):
    broken = give("event")
    broken.write_bytes(broken.read_bytes()[:3000])
    notes = tmp_path / "notes.mp4"
    notes.write_text("Not a video.", encoding="utf-8")
    for path in (broken, notes):
        failed = end_of(sessions.begin("ada", path))
        assert isinstance(failed, Failed)
        assert failed.message.startswith(path.name) and str(tmp_path) not in failed.message
        assert failed.message.split()[0] in state_text(failed, path.name)
    assert files_in(tmp_path) == []
    with pytest.raises(DataError, match="Give it again"):
        sessions.begin("ada", tmp_path / "gone.mp4")
    assert list((tmp_path / "results").iterdir()) == []


def test_a_full_disk_is_told_before_the_work(sessions, give, monkeypatch, tmp_path):
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("openmer.app._sessions.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="only 1 MB left"):
        sessions.begin("ada", give("calm"))
    assert files_in(tmp_path) == []


def test_a_video_that_is_too_long_is_refused(films, sessions, give, tmp_path):
    failed = end_of(sessions.begin("ada", give("long")))
    assert "at most 0.25" in failed.message and "0.3 minutes" in failed.message
    unstated = tmp_path / "long.h264"
    with av.open(str(unstated), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        for _ in range(100):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    told = []
    assert check_size(unstated, TENTH, lambda *stage: told.append(stage)) == (100, 64 * 64)
    assert told[0] == ("measure", 1, 0)
    with pytest.raises(DataError, match="does not end after"):
        check_size(unstated, replace(TENTH, max_minutes=0.05), nothing)
    assert check_size(films["calm"], TENTH, nothing)[0] == 40


def test_one_at_a_time_in_the_order_of_their_coming():
    line, order, per_batch = Queue(), [], []
    go = threading.Event()

    def work(name):
        def run(_on_progress):
            per_batch.append(name)
            go.wait(10)
            order.append((name, len(per_batch)))
            per_batch.remove(name)

        return run

    jobs = []
    for name in range(3):
        jobs.append(Job(work(name), line))
        jobs[-1].start()
        while not line._tickets[name:]:
            time.sleep(0.01)
    time.sleep(0.2)
    assert [job.state for job in jobs[1:]] == [Waiting(before=1), Waiting(before=2)]
    assert "one video comes first" in state_text(jobs[1].state, "video.mp4")
    jobs[1].stop()
    assert end_of(jobs[1]) == Stopped()
    go.set()
    for job in jobs:
        job.join(10)
    assert order == [(0, 1), (2, 1)]


def test_how_far_it_is_and_how_long_it_takes_is_told():
    text = state_text(Working(stage="follow", done=43, total=100, left_s=12.3), "a<b.mp4")
    for words in ("Following faces", "43 %", "step 1 of 3", "about 12 s left", "a&lt;b.mp4"):
        assert words in text
    assert "2 of 5" in state_text(Working(stage="draw", done=1, total=5, left_s=200), "a")
    assert "about 3 minutes" in state_text(Working(stage="draw", done=1, total=5, left_s=200), "a")
    assert "70 frames" in state_text(Working(stage="measure", done=70), "a")


def test_a_mistake_of_ours_is_no_traceback(caplog):
    def work(_on_progress):
        raise ZeroDivisionError("a mistake")

    job = Job(work, Queue())
    job.start()
    assert "Something went wrong inside OpenMER" in end_of(job).message
    assert "ZeroDivisionError" in caplog.text

    def full(_on_progress):
        raise OSError(28, "No space left on device")

    job = Job(full, Queue())
    job.start()
    assert "No space left on device. Make room" in end_of(job).message


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("box", False)],
)
def test_which_addresses_are_this_computer(host, expected):
    assert is_loopback(host) is expected


def test_other_computers_are_let_in_only_when_asked_for(monkeypatch):
    served_at = []
    monkeypatch.setattr("openmer.app.serve", lambda settings, *_, **__: served_at.append(settings))
    cli = typer.Typer()
    cli.command()(spread(command))
    refused = CliRunner().invoke(cli, ["--host", "0.0.0.0", "--no-model"])
    assert isinstance(refused.exception, ConfigError)
    assert "--allow-remote" in str(refused.exception) and served_at == []
    allowed = CliRunner().invoke(cli, ["--host", "0.0.0.0", "--no-model", "--allow-remote"])
    assert allowed.exit_code == 0 and "no password" in " ".join(allowed.stderr.split())
    assert CliRunner().invoke(cli, ["--no-model", "--no-browser"]).exit_code == 0
    assert [one.host for one in served_at] == ["0.0.0.0", "127.0.0.1"]
    assert served_at[1] == PageSettings(open_browser=False)


@pytest.mark.parametrize(
    "wrong", [{"max_minutes": 0}, {"max_mb": float("nan")}, {"port": 70000}, {"host": "::1"}]
)
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError, match="expected"):
        PageSettings(**wrong)


class Visitor:
    """Speaks to the page as its script does."""

    def __init__(self, address, name):
        self.http = httpx.Client(base_url=address, timeout=60)
        self.name = name

    def close(self):
        self.http.close()

    def upload(self, path, headers=None):
        with path.open("rb") as file:
            files = {"files": (path.name, file)}
            return self.http.post("/gradio_api/upload", files=files, headers=headers)

    def analyze(self, path):
        """All that the page tells until it is done."""
        (stored,) = self.upload(path).json()
        data = [{"path": stored, "meta": {"_type": "gradio.FileData"}}]
        asked = {"data": data, "session_hash": self.name, "fn_index": self._function("analyze")}
        self.http.post("/gradio_api/queue/join", json=asked).raise_for_status()
        told = []
        with self.http.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": self.name}
        ) as answer:
            for line in answer.iter_lines():
                told.append(line)
                if '"process_completed"' in line:
                    return "\n".join(told)
        raise AssertionError("the page said no more")

    def _function(self, name):
        functions = self.http.get("/config").json()["dependencies"]
        return next(one["id"] for one in functions if one["api_name"] == name)


OTHERS = (
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:1"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "http://evil.example"},
)
SCHEMAS = ("openapi.json", "gradio_api/openapi.json", "gradio_api/info", "docs", "config/../docs")
BODIES = (
    b"",
    b"{",
    b"[]",
    b"{}",
    b'{"data": [], "fn_index": 0, "session_hash": "x"}',
    b"x" * 99_999,
)


def test_other_pages_and_bad_requests_are_refused_in_one_line_each(tmp_path):
    temporary, errors = tmp_path / "temporary", tmp_path / "errors"
    temporary.mkdir()
    film = tmp_path / "a.mp4"
    film.write_bytes(bytes(1000))
    with errors.open("w") as lines:
        with (
            served(temporary, lines, signal.SIGKILL) as address,
            closing(Visitor(address, "ada")) as ada,
        ):
            own = {"origin": address.rstrip("/"), "sec-fetch-site": "same-origin"}
            assert ada.upload(film, own).status_code == 200
            link = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}
            assert ada.http.get("/", headers=link).status_code == 200
            assert errors.read_text() == ""
            refused = [ada.upload(film, headers).status_code for headers in OTHERS]
            refused += [ada.http.get("/config", headers=link).status_code]
            assert refused == [403] * 6
            assert [ada.http.get(f"/{name}").status_code for name in SCHEMAS] == [404] * 5
            for path in ("queue/join", "run/stop", "upload"):
                for body in BODIES:
                    ada.http.post(f"/gradio_api/{path}", content=body)
            ada.http.get("/gradio_api/%0a%1b[31m")
            count, deadline = 6 + 5 + 3 * len(BODIES) + 1, time.monotonic() + 30
            while errors.read_text().count("\n") < count and time.monotonic() < deadline:
                time.sleep(0.1)  # a line may come after its answer
        assert len(list(temporary.rglob("a.mp4"))) == 1
        said = errors.read_text().splitlines()
        assert len(said) == count
        assert "Traceback" not in errors.read_text() and all(len(line) < 300 for line in said)
        with served(temporary):
            assert list(temporary.rglob("a.mp4")) == [], "what a killed page left stays"


def test_the_server_keeps_its_limits_and_leaves_nothing(tmp_path, films):
    two = write_two_events(tmp_path / "two.mp4")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with served(temporary) as address, closing(Visitor(address, "ada")) as ada:
        page = ada.http.get("/")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert ada.http.get("/", headers={"host": "evil.example"}).status_code == 400
        assert ada.http.get("/gradio_api/file=http://example.org/a").status_code == 404
        assert ada.http.get("/gradio_api/file=/etc/passwd").status_code == 403
        large = tmp_path / "large.mp4"
        large.write_bytes(bytes(2**21 + 1))
        assert ada.upload(large).status_code == 413
        with closing(Visitor(address, "bob")) as bob, ThreadPoolExecutor(2) as pool:
            first = pool.submit(ada.analyze, two)
            second = pool.submit(bob.analyze, films["event"])
            told = [first.result(), second.result()]
        assert all(re.search(r"Found \d micro-expression", text) for text in told[:2])
        assert sum("one video comes first" in text for text in told) == 1
    assert list(temporary.iterdir()) == []
