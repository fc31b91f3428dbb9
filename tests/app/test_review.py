"""Decisions of coders are kept at once, compared, and become a corpus that `evaluate` takes."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.testclient import TestClient
from tests.video.made_analysis import analysis, event, info

from openmer.app import (
    agreement_of,
    agreement_table,
    read_reviews,
    review_items,
    reviews_folder,
    write_reviewed,
)
from openmer.app._decisions import Decision, Review
from openmer.app._review import Reviewing, _Server
from openmer.datasets import read_manifest
from openmer.errors import ConfigError, DataError
from openmer.video import write_events, write_video
from openmer.video._job import folders_for


def write_results(root, seconds=8):
    """Results of a video in which a square lies on a ramp; two events."""
    images = np.zeros((seconds * 30, 48, 64, 3), np.uint8)
    images[:] = np.linspace(40, 200, 64).astype(np.uint8)[:, None]
    for number, image in enumerate(images):
        image[16:28, 20 + number % 12 : 32 + number % 12] = (230, 90, 30)
    video = write_video(root / "talk.mkv", images, Fraction(30), codec="ffv1")
    box = (12.0, 8.0, 48.0, 44.0)
    found = analysis(
        event(onset_s=2.0, face_xyxy=box),
        event(onset_s=4.0, length_s=1.0, kind="macro", class_name=None, face_xyxy=box),
        info=info(str(video), fps=Fraction(30)),
    )
    write_events(root / "analysis" / "talk", found)
    stamp = json.dumps({"video": {"path": str(video)}})
    (root / "analysis" / "talk" / "done.json").write_text(stamp)
    return root / "analysis"


def decision(state="accepted", onset=60, **more):
    return Decision(
        **{"state": state, "onset": onset, "apex": onset + 4, "offset": onset + 9, **more}
    )


def test_every_decision_is_on_the_disk_and_the_review_goes_on(tmp_path):
    results = write_results(tmp_path)
    items = review_items([results])
    assert [item.key for item in items] == ["talk/1/micro/60", "talk/1/macro/120"]
    assert items[0].found == decision(onset=60, apex=64, offset=69, class_name="positive")
    review = Review(reviews_folder(results), "anna")
    for number, item in enumerate(items):
        review.decide(item.key, decision(comment=f"Größe {number}"))
        again = Review(reviews_folder(results), "anna")
        assert again.decisions == review.decisions and len(again.decisions) == number + 1
    other = Review(reviews_folder(results), "anna")
    other.decide("talk\udce4/1/micro/9", decision())  # in a second window; a name that is no text
    review.decide(items[0].key, decision(comment="again"))
    assert len(read_reviews(results / "reviews")["anna"]) == 3
    review.decide("talk\udce4/1/micro/9", None)
    review.decide(items[0].key, None)
    assert list(read_reviews(results / "reviews")["anna"]) == [items[1].key]
    assert reviews_folder(results / "talk") == results / "reviews"  # one video of several


def test_what_file_managers_make_is_no_review(tmp_path):
    Review(tmp_path, "anna").decide("talk/1/micro/9", decision())
    (tmp_path / "._anna.json").write_bytes(b"\x00\x05\x16\x07\x00")  # as macOS has it
    assert list(read_reviews(tmp_path)) == ["anna"]


@pytest.mark.parametrize(
    "changed",
    [{"apex": 3}, {"offset": 60, "apex": 60}, {"onset": -1}, {"state": "maybe"}, {"x": 1}],
)
def test_an_impossible_decision_is_refused(changed):
    with pytest.raises(ValidationError):
        decision(**changed)


def test_what_cannot_be_reviewed_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="--coder anna"):
        Review(tmp_path, "../anna")
    told = decision().model_dump() | {"apex": 1}
    (tmp_path / "eva.json").write_text(json.dumps({"format": 1, "decisions": {"a/1": told}}))
    with pytest.raises(DataError, match=r"eva\.json .*ValueError: a/1: expected onset <= apex"):
        Review(tmp_path, "eva")
    (tmp_path / "ben.json").write_text("{")
    with pytest.raises(DataError, match=r"ben\.json"):
        Review(tmp_path, "ben")
    with pytest.raises(DataError, match="openmer review"):
        read_reviews(tmp_path / "nowhere")
    results = write_results(tmp_path)
    (tmp_path / "talk.mkv").unlink()
    with pytest.raises(DataError, match="not at"):
        _ = review_items([results])[0].video


def test_kappa_and_alpha_are_those_of_a_hand_worked_table():
    # 20 accepted by both, 5 by anna alone, 10 by ben alone, 15 by none: kappa is 0.4.
    said = [("accepted", "accepted")] * 20 + [("accepted", "rejected")] * 5
    said += [("rejected", "accepted")] * 10 + [("rejected", "rejected")] * 15
    coders = {
        name: {str(n): decision(pair[at], onset=60 + 3 * at) for n, pair in enumerate(said)}
        for at, name in enumerate(("anna", "ben"))
    }
    found = agreement_of(coders)
    (pair,) = found.pairs
    assert pair.events == 50 and pair.kappa == pytest.approx(0.4)
    # Alpha: 1 - 99 * 30 / (2 * 55 * 45) with 100 values, 30 of them in pairs that differ.
    assert found.alpha == pytest.approx(1 - 99 * 30 / (2 * 55 * 45))
    assert (pair.onset_frames, pair.offset_frames, pair.class_kappa) == (3.0, 3.0, None)
    assert agreement_table(found).rows[0][:3] == ("anna and ben", "50", "0.40")


@given(st.lists(st.sampled_from(["accepted", "rejected"]), min_size=2, max_size=9))
def test_a_coder_agrees_with_themself(states):
    own = {str(n): decision(state) for n, state in enumerate(states)}
    found = agreement_of({"one": own, "other": own, "late": {}})
    expected = None if len(set(states)) == 1 else pytest.approx(1.0)
    assert found.alpha == expected
    assert next(p for p in found.pairs if p.coders == ("one", "other")).kappa == expected


def test_coders_who_share_no_event_have_no_alpha():
    own = {"1": decision(), "2": decision("rejected")}
    found = agreement_of({"anna": own, "ben": {"1": decision(), "3": decision("rejected")}})
    assert found.alpha is None and found.class_alpha is None


def test_a_video_called_reviews_leaves_room_for_decisions(tmp_path):
    (folder,) = folders_for([tmp_path / "Reviews.mp4"], tmp_path)
    assert folder.name.casefold() != reviews_folder(tmp_path).name


def test_the_rate_of_the_analysis_is_that_of_the_review(tmp_path):
    results = write_results(tmp_path)
    stamp = results / "talk" / "done.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"fps": "15"}))
    with review_items([results])[0].open() as video:
        assert [frame.time_s for frame in video][-1] == Fraction(239, 15)


def test_one_coder_cannot_agree():
    with pytest.raises(DataError, match="two or more"):
        agreement_of({"anna": {"1": decision()}})


def test_what_was_accepted_becomes_clips_that_a_manifest_lists(tmp_path):
    results = write_results(tmp_path)
    items = review_items([results])
    decisions = {
        items[0].key: decision(onset=58, class_name="positive", action_units="6+L12"),
        items[1].key: decision("rejected", onset=120, class_name="surprise"),
    }
    same = replace(items[0], key="again", number=3)  # an event of the same kind and onset
    both = {**decisions, "again": decisions[items[0].key]}
    assert write_reviewed(tmp_path / "two", [*items, same], both) == 2
    assert write_reviewed(tmp_path / "own", items, decisions) == 1
    (clip,) = read_manifest(tmp_path / "own" / "manifest.csv")
    assert (clip.key, clip.emotion, clip.action_units) == (
        "reviewed/talk-1/micro58-1", "positive", "6+L12",
    )  # fmt: skip
    assert (clip.onset, clip.apex, clip.offset, clip.fps) == (0, 4, 9, Fraction(30))
    assert len(clip.frame_paths) == 10
    with pytest.raises(DataError, match="class"):
        write_reviewed(tmp_path / "none", items, {items[0].key: decision()})


def test_words_of_a_coder_stay_in_one_line():
    told = decision(class_name=" po\nsi\x00tive ", comment="a\tb", action_units=" ")
    assert (told.class_name, told.comment, told.action_units) == ("po si tive", "a b", "")


def test_a_decision_beyond_the_end_of_the_video_is_named(tmp_path):
    results = write_results(tmp_path, seconds=5)
    (item, _) = review_items([results])
    late = decision(onset=140, class_name="positive").model_copy(update={"offset": 190})
    with pytest.raises(DataError, match="ends with frame 190, the video with 149"):
        write_reviewed(tmp_path / "out", [item], {item.key: late})
    assert not (tmp_path / "out").exists()


def test_a_review_of_many_videos_keeps_few_open(tmp_path):
    for name in "abc":
        write_results(tmp_path / name, seconds=5)
        (tmp_path / name / "analysis" / "talk").rename(tmp_path / f"talk-{name}")
    reviewing = Reviewing(tmp_path, "anna")
    for number in (0, 2, 4, 0):
        assert reviewing.pictures(number)["frames"]
    assert len(reviewing._videos) == 2
    reviewing.close()


def test_a_bad_request_is_one_answer_and_changes_nothing(tmp_path, monkeypatch):
    reviewing = Reviewing(write_results(tmp_path, seconds=5), "anna")
    client = TestClient(_Server(reviewing, "word").application(), base_url="http://localhost")
    own = {"x-openmer-token": "word"}
    for number in ("-1", "2", "9" * 5000, "1e0", "\u0661", "%00", "..", "0x0", "None", " 0"):
        assert client.get(f"/events/{number}/pictures", headers=own).status_code == 404, number
    bodies = ("", "{", "[]", "null", "{}", '{"decision": 5}', '{"decision": {}}', "[" * 9000)
    bodies += ('{"decision": null, "x": 1}', "NaN", b"\xff\xfe", '"' * 9999)
    moments = (
        {"onset": 10**400},
        {"offset": 240},
        {"action_units": "banana"},
        {"apex": -1},
        {"offset": 60},
        {"comment": "x" * 501},
    )
    told = decision().model_dump()
    bodies += tuple(json.dumps({"decision": told | changed}) for changed in moments)
    for body in bodies:
        answer = client.post("/events/0", headers=own, content=body)
        assert answer.status_code == 400 and answer.json()["error"], body
        assert "\n" not in answer.json()["error"] and "pydantic" not in answer.json()["error"]
    for word in ("", "Word", "word ", "w\u00f6rd".encode()):
        assert client.get("/events", headers={"x-openmer-token": word}).status_code == 403
    monkeypatch.setattr(reviewing, "_cut", lambda item: 1 / 0)  # a video that a library stumbles on
    assert client.get("/events/0/pictures", headers=own).status_code == 500
    assert not (tmp_path / "analysis/reviews").exists()


def test_a_folder_that_takes_no_decision_is_named_before_the_work(tmp_path):
    results = write_results(tmp_path, seconds=5)
    (results / "reviews").write_text("mine")
    with pytest.raises(DataError, match=r"reviews is a file"):
        Reviewing(results, "anna")
