"""The report of a video: nothing from outside, nothing of a name is markup, every state is said."""

import re
from html.parser import HTMLParser
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.video.made_analysis import analysis, event, info
from tests.video.made_curves import bump, curves

from openmer.deployment import default_model
from openmer.errors import DataError
from openmer.video import Evidence, RegionShift, clock_text, timeline_of, timeline_svg, write_report
from openmer.video.output._report import render_report
from openmer.video.output._timeline import motion_percent

EVIL = "<script>alert('x')</script>&\"'.mp4"
SHIFT = RegionShift(name="upper lip", percent=1.2, direction="up left")


class Page(HTMLParser):
    """All tags, texts and addresses of a page."""

    VOID = frozenset({"meta", "img", "source", "br", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.links, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"src", "href", "poster", "data"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def evidence(of, saliency=False, side=64):
    rng = np.random.default_rng(0)
    onset, apex, flow, hot = rng.integers(0, 255, (4, side, side, 3), dtype=np.uint8)
    return Evidence(
        event=of, onset_rgb=onset, apex_rgb=apex, flow_rgb=flow, flow_full_percent=1.5,
        regions=(SHIFT,), saliency_rgb=hot if saliency else None, saliency_note="A note on heat.",
    )  # fmt: skip


def page_of(found, *, pictures=MappingProxyType({}), replays=MappingProxyType({}), folder):
    return Page(write_report(folder, found, pictures, replays).read_text("utf-8"))


def test_the_page_holds_what_was_found_and_needs_nothing_else(tmp_path):
    found = analysis(
        event(), event(5.0, kind="macro", class_name=None), model=default_model().record
    )
    pictures = {1: evidence(found.events[0], saliency=True), 2: evidence(found.events[1])}
    page = page_of(found, pictures=pictures, folder=tmp_path)
    assert page.open == []
    assert "script" not in page.tags and "link" not in page.tags
    assert all(link.startswith(("data:image/jpeg;base64,", "#event-")) for link in page.links)
    assert sum(link.startswith("data:") for link in page.links) == 4 + 3
    for words in (
        "Found 1 micro-expression and 1 macro-expression.",
        "Positive, confidence 0.81",
        "Not sure of the class",
        "1.2 % up left",
        "What this cannot tell you",
        "An expression is not an emotion.",
        default_model().record.caution,
    ):
        assert words in page.text
    assert "http" not in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Nothing found: no movement of a face passed the threshold. Faces were followed"),
        ({"faces": ()}, "No face was found in this video. Nothing can be said"),
        ({"damage": "Broken after frame 9."}, "The file is damaged. Broken after frame 9."),
    ],
)
def test_nothing_found_is_a_page_of_its_own(tmp_path, changed, words):
    assert words in page_of(analysis(**changed), folder=tmp_path).text


def test_no_name_becomes_markup(tmp_path):
    evil = event(class_name=EVIL, reason=EVIL, regions=(EVIL,), scores={EVIL: 0.9})
    found = analysis(evil, info=info(EVIL.replace("/", "|"), codec=EVIL), spotter=EVIL, damage=EVIL)
    page = page_of(found, folder=tmp_path)
    assert "script" not in page.tags
    assert page.text.count("alert('x')") >= 6
    assert page.open == []


def test_a_name_that_is_no_text_makes_a_page(tmp_path):
    assert "caf" in page_of(analysis(info=info("caf\udce9.mp4")), folder=tmp_path).text


def test_the_same_input_gives_the_same_page(tmp_path):
    found = analysis(event())
    pictures = {1: evidence(found.events[0])}
    first = render_report(found, pictures, {}, tmp_path)
    assert render_report(found, pictures, {}, tmp_path) == first


def test_a_small_replay_is_inside_and_a_large_one_is_linked(tmp_path):
    replays = {1: tmp_path / "replays" / "a b.mp4", 2: tmp_path / "large #2.mp4"}
    replays[1].parent.mkdir()
    replays[1].write_bytes(b"small")
    replays[2].write_bytes(bytes(1_500_001))
    page = page_of(analysis(event(), event(5.0)), replays=replays, folder=tmp_path)
    assert page.links.count("data:video/mp4;base64,c21hbGw=") == 1
    assert "large%20%232.mp4" in page.links


def test_many_events_do_not_make_a_huge_page(tmp_path):
    events = [event(0.5 + i / 50) for i in range(60)]
    for number in range(1, 61):
        (tmp_path / f"{number}.mp4").write_bytes(bytes(1_000_000))
    replays = {number: tmp_path / f"{number}.mp4" for number in range(1, 61)}
    path = write_report(tmp_path, analysis(*events), None, replays)
    assert path.stat().st_size < 26e6
    assert Page(path.read_text("utf-8")).links.count("60.mp4") == 1


def test_a_lost_replay_is_one_error_and_no_page(tmp_path):
    with pytest.raises(DataError, match="Cannot read the replay"):
        write_report(tmp_path, analysis(event()), None, {1: tmp_path / "none.mp4"})
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_calibration_says_so(tmp_path):
    found = analysis(event(confidence=None, scores={"positive": 3.0, "negative": -1.0}))
    text = page_of(found, folder=tmp_path).text
    assert "Positive, not calibrated" in text
    assert "Calibrated probabilities" not in text


def test_the_motion_is_the_distance_from_rest():
    times_s = np.arange(0, 20, 1 / 30)
    drift = np.linspace(0, 2, len(times_s))
    moves = [("chin", (0, -1.34), bump(times_s, 10, 10.2, 10.4)), ("upper lip", (1, 0), drift)]
    motion = motion_percent(curves(times_s, noise=0, moves=moves))
    apex = int(np.argmin(abs(times_s - 10.2)))
    assert int(np.argmax(motion)) == apex
    assert motion[apex] == pytest.approx(1.34 / 133.76 * 100, abs=0.02)
    assert np.median(motion) < 0.05


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 400), st.integers(0, 9), st.floats(0.001, 2.0))
def test_a_timeline_keeps_its_peak_and_few_points(most, seed, every_s):
    rng = np.random.default_rng(seed)
    times_s = np.sort(rng.uniform(0, 600 * every_s, 700))
    face = curves(times_s, noise=0.1, seed=seed, starts=(0, 300))
    found = analysis(faces=(face,), duration_s=float(times_s[-1]))
    timeline = timeline_of(found, most_points=most)
    (line,) = timeline.faces
    values = [value for piece in line.pieces for _, value in piece]
    assert max(values) == pytest.approx(motion_percent(face).max(), abs=1e-3)
    assert len(values) <= most + len(line.pieces)
    assert timeline.full_percent >= max(values) - 1e-3
    for start_s, end_s in line.gaps:
        assert not ((times_s > start_s + 1e-9) & (times_s < end_s - 1e-9)).any()


def test_a_time_out_of_view_is_a_gap_in_the_curve():
    times_s = np.concatenate([np.arange(30, 90), np.arange(150, 210)]) / 30
    face = curves(times_s, starts=(0, 60))
    timeline = timeline_of(analysis(event(), faces=(face,), duration_s=8.0))
    (line,) = timeline.faces
    assert np.allclose(line.gaps, [(0, 1), (89 / 30, 5), (209 / 30, 8)])
    assert timeline_svg(timeline, 1).count("<polyline") == 2
    (found,) = line.events
    assert (found.number, found.kind) == (1, "micro")
    assert (found.onset_s, found.apex_s, found.offset_s) == (2.0, 2.15, 2.3)


def test_an_hour_is_a_small_picture():
    times_s = np.arange(0, 3600, 1 / 30)
    face = curves(times_s)
    found = analysis(faces=(face,), duration_s=3600.0)
    assert len(timeline_svg(timeline_of(found), 1)) < 60_000


@pytest.mark.parametrize(
    ("seconds", "digits", "text"),
    [(0, 2, "0:00.00"), (59.999, 2, "1:00.00"), (62.5, 1, "1:02.5"), (3723, 0, "1:02:03")],
)
def test_times_are_told_as_clocks_do(seconds, digits, text):
    assert clock_text(seconds, digits) == text
    assert re.fullmatch(r"[\d:.]+", text)
