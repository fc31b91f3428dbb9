"""A coder decides by keyboard in a real browser; what is decided is on the disk at once."""

import json
import signal
import subprocess
import sys

import pytest
from tests.app.accessible import check_accessible
from tests.app.test_app_browser import browser, pytestmark  # noqa: F401
from tests.app.test_review import write_results

SERVER = (
    "import sys; from pathlib import Path; from openmer.app import review\n"
    "review(Path(sys.argv[1]), 'anna', on_ready=lambda address: print(address, flush=True))"
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("review"))


@pytest.fixture(scope="module")
def address(results):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(results)], stdout=subprocess.PIPE, text=True
    )
    with server.stdout as lines:
        yield lines.readline().strip()
        server.send_signal(signal.SIGINT)
        server.wait(60)


@pytest.fixture
def page(browser, address):  # noqa: F811
    """The page with its first undecided event shown; errors of its script fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    wrong = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    opened.goto(address)
    opened.wait_for_selector("body[data-event='0'], body[data-event='1']")
    yield opened
    context.close()
    assert wrong == []


def press(page, keys):
    for key in keys.split():
        page.keyboard.press(key)


def kept(results):
    return json.loads((results / "reviews" / "anna.json").read_text("utf-8"))["decisions"]


def test_the_review_is_accessible(page):
    check_accessible(page)


def test_two_events_are_reviewed_by_keyboard(page, results):
    press(page, "Space")  # the loop stops
    before = page.locator("#picture").get_attribute("src")
    shown = page.locator("#frame").inner_text()
    press(page, "Shift+ArrowRight ArrowRight ArrowLeft ArrowRight")
    assert page.locator("#frame").inner_text() != shown
    assert page.locator("#picture").get_attribute("src") != before
    plain = page.locator("#picture").get_attribute("src")
    press(page, "m")
    assert "magnified x" in page.locator("#frame").inner_text()
    assert page.locator("#picture").get_attribute("src") != plain
    frame = int(page.locator("#frame").inner_text().split(",")[0].split()[1])
    press(page, "1 u")
    page.keyboard.type("6+L12")
    press(page, "Enter a")  # accepted, and the next event is opened
    page.wait_for_selector("body[data-event='1']")
    (one,) = kept(results).values()
    assert (one["state"], one["onset"], one["action_units"]) == ("accepted", frame, "6+L12")
    assert one["class_name"] == "positive"
    press(page, "t")
    page.keyboard.type("spricht <b>")
    press(page, "Enter r")
    page.get_by_text("All events are decided.").wait_for()
    assert kept(results)["talk/1/macro/120"]["comment"] == "spricht <b>"
    assert kept(results)["talk/1/macro/120"]["state"] == "rejected"


def test_it_goes_on_where_it_was_and_one_key_is_enough(page, results):
    assert "2 decided" in page.locator("#progress").inner_text()
    press(page, "z")
    page.get_by_text("1 decided").wait_for()
    assert list(kept(results)) == ["talk/1/macro/120"]
    press(page, "a")
    page.get_by_text("2 decided").wait_for()
    assert kept(results)["talk/1/micro/60"]["onset"] == 60  # as it was found


def test_words_and_moments_of_a_decided_event_are_kept(page, results):
    press(page, "Space 3 t")  # the offset at the first frame that is shown, before the onset
    page.keyboard.type("later")
    with page.expect_response("**/events/0") as answered:
        press(page, "Enter")
    assert answered.value.ok
    one = kept(results)["talk/1/micro/60"]
    assert one["comment"] == "later" and one["onset"] < one["offset"] < 60


def test_nobody_else_gets_in(page, address):
    root = address.partition("/?")[0]
    assert page.request.get(root).status == 403
    assert page.request.get(f"{root}/events").status == 403
    assert page.request.post(f"{root}/events/0", data={"decision": None}).status == 403
    token = {"x-openmer-token": address.partition("token=")[2]}
    assert (
        page.request.get(f"{root}/events", headers=token | {"host": "evil.example"}).status == 400
    )
    assert page.request.get(f"{root}/events/9/pictures", headers=token).status == 404
    answer = page.request.post(f"{root}/events/0", headers=token, data={"decision": {"state": "x"}})
    assert answer.status == 400
    answer = page.request.post(f"{root}/events/0", headers=token, data="x" * 20_000)
    assert answer.status == 413 and "too long" in answer.json()["error"]
