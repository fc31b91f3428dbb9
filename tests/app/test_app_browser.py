"""The page in a real browser: what a subject sees and can do."""

import importlib.util
import json
import os
import time
import zipfile
from pathlib import Path

import pytest
from tests.app.accessible import check_accessible
from tests.app.made_page import served, write_long, write_two_events
from tests.evaluation.made_up_runs import write_run
from tests.video.made_videos import write_still

from openmer.evaluation import load_run
from openmer.reports import write_report
from openmer.video import write_summary

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
DROP = "#drop input[type=file]"

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="playwright is not installed"
    ),
    pytest.mark.skipif(
        "CHROMIUM" not in os.environ and not CHROMIUM.is_file(),
        reason=f"there is no browser {CHROMIUM}; the variable CHROMIUM names another",
    ),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def address(temporary):
    with served(temporary) as found:
        yield found
    assert list(temporary.iterdir()) == [], "files stay after the end of the page"


@pytest.fixture
def page(browser, address):
    """An opened page; whatever it asks for is kept in `page.asked`."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    opened.asked = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.goto(address)
    opened.wait_for_selector(DROP, state="attached")
    yield opened
    context.close()


def give(page, path, shows):
    """Give a video and wait for what the page shows in the end."""
    page.set_input_files(DROP, path)
    page.wait_for_selector("#drop")
    page.wait_for_selector(shows)
    return page.inner_text(shows)


def kept(page, name, folder):
    """A file of the page, downloaded."""
    with page.expect_download() as download:
        page.click(f'#files a[download$="{name}"]')
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def headline(page):
    return page.inner_text("#event .badge")


def test_from_a_video_to_its_report(page, address, temporary, tmp_path):
    assert "An expression is not an emotion" in page.inner_text(".limits")
    film = write_two_events(tmp_path / "two.mp4")
    page.set_input_files(DROP, film)
    page.wait_for_selector("#drop", state="hidden")
    page.wait_for_selector("#stop", state="visible")
    page.wait_for_selector(".verdict")
    verdict = page.inner_text(".verdict")
    assert verdict.startswith("Found ")
    page.wait_for_selector("#choice input >> nth=1")
    assert headline(page) == "1"
    page.click('#found a[href="#event-2"] path >> nth=1')
    page.wait_for_selector('#event section[aria-label="Event 2"]')
    assert page.is_checked("#choice input >> nth=1")
    page.click("#choice label >> nth=0")
    page.wait_for_selector('#event section[aria-label="Event 1"]')
    assert "Onset" in page.inner_text("#event dl")

    page.wait_for_function(
        "[...document.querySelectorAll('#event img')].filter(i => i.naturalWidth == 256).length > 2"
    )
    page.eval_on_selector("#event video", "video => video.play()")
    page.wait_for_function("document.querySelector('#event video').currentTime > 0.2")

    report = kept(page, "report.html", tmp_path)
    assert verdict in report.read_text(encoding="utf-8")
    events = json.loads(kept(page, "events.json", tmp_path).read_text(encoding="utf-8"))
    assert len(events["events"]) == page.locator("#choice input[type=radio]").count()
    with zipfile.ZipFile(kept(page, "everything.zip", tmp_path)) as archive:
        assert {"two/event1.mp4", "two/events.csv"} <= set(archive.namelist())

    foreign = [url for url in page.asked if not url.startswith((address, "data:", "blob:"))]
    assert foreign == [], "the page asks other computers"
    assert sum(path.is_file() for path in temporary.glob("*/results/**/*")) > 5
    page.context.close()
    _wait_until(lambda: not list(temporary.glob("*/results/*")))
    assert list(temporary.glob("*/uploads/**/*.mp4")) == []


def test_a_report_of_runs_and_a_summary_of_videos_are_accessible(browser, tmp_path):
    run = load_run(write_run(tmp_path / "run"))
    write_summary(tmp_path, [], ["broken.mp4 cannot be read."])
    for path in (write_report(tmp_path / "report", [run])["html"], tmp_path / "summary.html"):
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.goto(path.as_uri())
        check_accessible(opened)
        opened.close()


def test_what_cannot_be_shown_is_said(page, tmp_path):
    wall = write_still(tmp_path / "wall.mp4")
    assert give(page, wall, ".verdict") == "No face was found in this video."
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(wall.read_bytes()[:2000])
    assert give(page, broken, "#status .callout").startswith("broken.mp4")
    assert not page.is_visible("#found"), "results of the video before stay"
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(2**21 + 1))
    page.set_input_files(DROP, large)
    page.wait_for_selector("text=exceed the maximum allowed size of 2.0 Mb")
    assert "at most 0.25" in give(page, write_long(tmp_path / "long.mp4"), "text=at most 0.25")


def test_stop_gives_the_page_back(page, tmp_path):
    page.set_input_files(DROP, write_two_events(tmp_path / "two.mp4"))
    page.click("#stop")
    page.wait_for_selector("text=Stopped.")
    page.wait_for_selector("#drop")
    assert not page.is_visible("#found")


def test_nothing_is_wider_than_a_phone(page, tmp_path):
    page.set_viewport_size({"width": 390, "height": 844})
    give(page, write_two_events(tmp_path / "two.mp4"), ".verdict")
    page.wait_for_selector("#files a")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def _wait_until(is_so, seconds=10):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
