"""Scores of spotting against numbers computed by hand, and what must hold for any spotter."""

import csv
import io
import itertools
import subprocess
import sys
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmer.datasets import AnnotatedVideo
from openmer.datasets._true_events import TrueEvent
from openmer.errors import DataError
from openmer.evaluation import Span, score_spotting, span_of
from openmer.evaluation.spotting._matching import match_spans, overlap
from openmer.reports import render_spotting_csv, render_spotting_markdown, render_spotting_terminal

QUICK = settings(deadline=None, max_examples=40)
FPS = Fraction(30)
MINUTE = 1800  # frames


def span(onset, offset, kind="micro", **more):
    return Span(kind=kind, onset=onset, offset=offset, **more)


def video(name, events=(), subject="s1", frames=MINUTE, **more):
    return AnnotatedVideo(
        corpus="made",
        subjects=(subject,),
        name=name,
        fps=FPS,
        frames=frames,
        events=tuple(
            TrueEvent(
                kind=each.kind,
                onset=each.onset,
                offset=each.offset,
                apex=each.apex,
                subject_id=each.subject_id,
                emotion=each.class_name or "",
            )
            for each in events
        ),
        **more,
    )


def evaluate(found, truth, **more):
    return score_spotting(found, truth, **{"draws": 20, **more})


@st.composite
def spans(draw, most=5):
    found = []
    for onset, frames in draw(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)))):
        kind = draw(st.sampled_from(["micro", "macro"]))
        found.append(span(onset, onset + frames, kind))
    return found[:most]


@st.composite
def recordings(draw):
    """Videos of some subjects with what is true and what was found in them."""
    truth, found = [], {}
    for number in range(draw(st.integers(1, 4))):
        made = video(f"v{number}", draw(spans()), subject=f"s{draw(st.integers(0, 2))}")
        truth.append(made)
        found[made.key] = draw(spans())
    return truth, found


def counts(scores):
    return [(each.truth, each.found, each.hits) for each in scores.scopes]


class TestOverlap:
    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            ((10, 19), (10, 19), 1),
            ((10, 19), (15, 24), 5 / 15),
            ((10, 19), (19, 28), 1 / 19),  # both ends belong to a span
            ((10, 19), (20, 29), 0),
            ((10, 19), (100, 109), 0),
            ((10, 19), (10, 14), 0.5),
        ],
    )
    def test_by_hand(self, first, second, expected):
        assert overlap(span(*first), span(*second)) == expected
        assert overlap(span(*second), span(*first)) == expected


class TestMatching:
    def test_half_is_enough_and_a_frame_less_is_not(self):
        assert match_spans([span(10, 14)], [span(10, 19)])
        assert not match_spans([span(10, 13)], [span(10, 19)])

    def test_two_found_on_one_true_are_one_hit(self):
        (match,) = match_spans([span(10, 18), span(10, 19)], [span(10, 19)])
        assert match.found == span(10, 19)

    def test_one_found_on_two_true_is_one_hit(self):
        assert len(match_spans([span(10, 19)], [span(10, 19), span(10, 18)])) == 1

    def test_the_largest_overlap_gives_way_to_more_pairs(self):
        # The first found one fits the second true one best, but nothing else fits the first.
        found = [span(10, 19), span(14, 23)]
        truth = [span(8, 17), span(11, 20)]
        assert overlap(found[0], truth[1]) > overlap(found[0], truth[0]) >= 0.5
        assert overlap(found[1], truth[1]) >= 0.5 > overlap(found[1], truth[0])
        pairs = {(m.found.onset, m.truth.onset) for m in match_spans(found, truth)}
        assert pairs == {(10, 8), (14, 11)}

    def test_three_pairs_that_barely_overlap_beat_two_that_overlap_well(self):
        found = [span(onset, onset + 11) for onset in (0, 5, 10)]
        truth = [span(onset, onset + 11) for onset in (4, 9, 14)]
        assert overlap(found[0], truth[0]) == 0.5
        assert 2 * overlap(found[1], truth[0]) > 3 * overlap(found[0], truth[0])
        assert len(match_spans(found, truth)) == 3

    def test_of_as_many_pairs_those_that_overlap_most(self):
        (match,) = match_spans([span(10, 16), span(10, 18), span(9, 16)], [span(10, 19)])
        assert match.found == span(10, 18)

    @QUICK
    @given(spans(4), spans(4))
    def test_as_many_pairs_as_can_be(self, found, truth):
        longer, shorter = sorted([found, truth], key=len, reverse=True)
        best = max(
            sum(overlap(*pair) >= 0.5 for pair in zip(order, shorter, strict=True))
            for order in itertools.permutations(longer, len(shorter))
        )
        matches = match_spans(found, truth)
        assert len(matches) == best
        for side in ("found", "truth"):
            used = [getattr(match, side) for match in matches]
            given_ = found if side == "found" else truth
            assert all(used.count(each) <= given_.count(each) for each in used)
        assert all(overlap(match.found, match.truth) >= 0.5 for match in matches)

    @QUICK
    @given(st.integers(0, 100), st.integers(1, 60), st.data())
    def test_a_shift_beyond_half_loses_it(self, onset, frames, data):
        true = span(onset, onset + frames - 1)
        # Shifted by d, n frames overlap by (n - d) / (n + d), which is half where 3 d = n.
        shift = data.draw(st.integers(0, frames))
        moved = span(true.onset + shift, true.offset + shift)
        assert bool(match_spans([moved], [true])) == (3 * shift <= frames)

    @pytest.mark.parametrize("least", [0, -0.5, 1.5, float("nan")])
    def test_an_impossible_overlap(self, least):
        with pytest.raises(DataError, match="least overlap"):
            match_spans([span(1, 2)], [span(1, 2)], least_iou=least)


class TestCounts:
    def test_by_hand(self):
        # Video a: one micro hit, one micro missed by a frame, a macro found on a true micro.
        # Video b: one macro hit, found twice. Video c: nothing true, one found.
        truth = [
            video("a", [span(10, 19), span(100, 109), span(200, 214)]),
            video("b", [span(50, 99, "macro")], subject="s2"),
            video("c", subject="s2"),
        ]
        found = {
            "made/s1/a": [span(10, 19), span(106, 115), span(200, 214, "macro")],
            "made/s2/b": [span(50, 99, "macro"), span(55, 99, "macro")],
            "made/s2/c": [span(5, 12)],
        }
        scores = evaluate(found, truth)
        assert counts(scores) == [(3, 3, 1), (1, 3, 1), (4, 6, 2), (4, 6, 3)]
        assert (scores.micro.precision, scores.micro.recall) == (1 / 3, 1 / 3)
        assert scores.micro.f1 == pytest.approx(2 / 6)
        assert (scores.macro.precision, scores.macro.recall) == (1 / 3, 1)
        assert scores.macro.f1 == pytest.approx(2 / 4)
        # "all" pools the counts; the mean of the two F1 would be 0.417.
        assert scores.all.f1 == pytest.approx(4 / 10)
        assert (scores.all.false_alarms, scores.all.misses) == (4, 2)
        assert scores.either.f1 == pytest.approx(6 / 10)
        assert scores.all.minutes == pytest.approx(3)
        assert scores.all.false_alarms_per_minute == pytest.approx(4 / 3)
        assert (scores.quiet.videos, scores.quiet.found) == (1, 1)
        assert scores.quiet.false_alarms_per_minute == pytest.approx(1)
        assert (scores.videos, scores.subjects) == (3, 2)

    def test_videos_are_pooled_and_not_averaged(self):
        truth = [video("a", [span(0, 9)]), video("b", [span(20 * n, 20 * n + 9) for n in range(9)])]
        scores = evaluate({"made/s1/a": [span(0, 9)]}, truth)
        assert scores.micro.f1 == pytest.approx(2 / 11)  # and not the mean of 1 and 0

    def test_the_same_frames_of_two_videos_are_not_the_same(self):
        scores = evaluate({"made/s1/b": [span(0, 9)]}, [video("a", [span(0, 9)]), video("b")])
        assert counts(scores)[0] == (1, 1, 0)

    def test_nothing_true_and_nothing_found(self):
        scores = evaluate({}, [video("a")])
        for each in scores.scopes:
            assert each.precision is each.recall is each.f1 is each.strs is None
            assert each.false_alarms_per_minute == 0

    def test_nothing_true_but_something_found(self):
        micro = evaluate({"made/s1/a": [span(0, 9)]}, [video("a")]).micro
        assert (micro.precision, micro.recall, micro.f1) == (0, None, 0)

    def test_something_true_but_nothing_found(self):
        micro = evaluate({}, [video("a", [span(0, 9, class_name="happy")])]).micro
        assert (micro.precision, micro.recall, micro.f1, micro.strs) == (None, 0, 0, 0)

    def test_minutes_of_visible_face(self):
        truth = [video("a"), video("b", frames=None)]
        found = {"made/s1/a": [span(0, 9), span(20, 29)]}
        assert evaluate(found, truth).micro.false_alarms_per_minute is None
        seconds = {"made/s1/a": 30.0, "made/s1/b": 0.0}
        scores = evaluate(found, truth, face_seconds=seconds)
        assert scores.micro.false_alarms_per_minute == pytest.approx(4)
        assert "minute of visible face" in render_spotting_markdown(scores)

    def test_how_far_the_apex_is_off(self):
        truth = [
            video("a", [span(0, 20, apex=10), span(100, 120, apex=105), span(200, 220)]),
            replace(video("b", [span(0, 20, apex=10)]), fps=Fraction(60)),
        ]
        found = {
            "made/s1/a": [span(0, 20, apex=13), span(100, 120, apex=105), span(200, 220, apex=210)],
            "made/s1/b": [span(0, 20, apex=4), span(300, 310, apex=305)],
        }
        apex = evaluate(found, truth).micro.apex
        assert (apex.matched, apex.mean_frames, apex.median_frames) == (3, 3, 3)
        assert apex.mean_ms == pytest.approx((100 + 0 + 100) / 3)
        unknown = evaluate(found, [truth[0], replace(truth[1], fps=None)]).micro.apex
        assert unknown.mean_ms is None
        assert evaluate({}, truth).micro.apex is None


class TestFaces:
    TRUTH = (span(0, 9, subject_id=1), span(0, 9, subject_id=2), span(50, 59, subject_id=2))

    def test_numbers_of_faces_need_not_agree(self):
        found = [span(0, 9, subject_id=2), span(0, 9, subject_id=1), span(50, 59, subject_id=1)]
        assert evaluate({"made/s1/a": found}, [video("a", self.TRUTH)]).micro.hits == 3

    def test_a_face_that_was_lost_and_got_another_number(self):
        found = [span(0, 9, subject_id=3), span(50, 59, subject_id=8)]
        assert evaluate({"made/s1/a": found}, [video("a", self.TRUTH)]).micro.hits == 2

    def test_one_face_cannot_be_two_subjects(self):
        found = [span(0, 9, subject_id=1), span(0, 9, subject_id=1), span(50, 59, subject_id=1)]
        assert evaluate({"made/s1/a": found}, [video("a", self.TRUTH)]).micro.hits == 2

    def test_a_movement_on_another_face_is_a_false_alarm(self):
        truth = [span(0, 9, subject_id=1), span(50, 59, subject_id=2), span(100, 109, subject_id=2)]
        found = [span(50, 59, subject_id=5), span(100, 109, subject_id=5), span(0, 9, subject_id=5)]
        assert evaluate({"made/s1/a": found}, [video("a", truth)]).micro.hits == 2


class TestRecognition:
    def test_the_example_that_the_authors_of_the_score_print(self):
        """Three of five spotted, F1 0.6; one of three classes right, F1 1/3; their STRS is 0.2."""
        rows = [
            ("1", "EP02_01f", (10, 70, "happiness"), (45, 85, "happiness")),
            ("1", "EP03_02", (100, 170, "others"), (130, 160, "others")),
            ("1", "EP04_02", (0, 70, "others"), (20, 75, "others")),
            ("2", "EP01_11f", (20, 90, "happiness"), (45, 95, "repression")),
            ("2", "EP02_04f", (70, 140, "happiness"), (30, 140, "repression")),
        ]
        truth = [
            video(name, [span(*gt[:2], class_name=gt[2])], subject=who) for who, name, _, gt in rows
        ]
        found = {
            f"made/{who}/{name}": [span(*said[:2], class_name=said[2])]
            for who, name, said, _ in rows
        }
        micro = evaluate(found, truth).micro
        assert (micro.hits, micro.false_alarms, micro.misses) == (3, 2, 2)
        assert micro.f1 == pytest.approx(0.6)
        assert micro.recognition.clips == 3
        assert micro.recognition.f1 == pytest.approx(1 / 3)
        assert micro.recognition.uf1 == pytest.approx(1 / 3)
        assert micro.strs == pytest.approx(0.2)

    def test_f1_of_means_and_mean_of_f1_by_hand(self):
        # True a a a b, said a a b b: precision (1, 1/2), recall (2/3, 1), F1 (4/5, 2/3).
        classes = [("a", "a"), ("a", "a"), ("a", "b"), ("b", "b")]
        truth = [span(20 * n, 20 * n + 9, class_name=t) for n, (t, _) in enumerate(classes)]
        found = [span(20 * n, 20 * n + 9, class_name=s) for n, (_, s) in enumerate(classes)]
        got = evaluate({"made/s1/a": found}, [video("a", truth)]).micro.recognition
        assert (got.precision, got.recall) == (pytest.approx(3 / 4), pytest.approx(5 / 6))
        assert got.f1 == pytest.approx(2 * (3 / 4) * (5 / 6) / (3 / 4 + 5 / 6))
        assert got.uf1 == pytest.approx((4 / 5 + 2 / 3) / 2)

    def test_what_abstains_is_a_miss_and_no_other_class(self):
        truth = [span(0, 9, class_name="a"), span(20, 29, class_name="b")]
        found = [span(0, 9, class_name="A "), span(20, 29, class_name=None)]
        got = evaluate({"made/s1/a": found}, [video("a", truth)]).micro.recognition
        assert (got.clips, got.precision, got.recall, got.uf1) == (2, 0.5, 0.5, 0.5)

    def test_given_classes_leave_the_other_truth_out(self):
        truth = [span(0, 9, class_name="a"), span(20, 29, class_name="others")]
        found = [span(0, 9, class_name="a"), span(20, 29, class_name="a")]
        micro = evaluate({"made/s1/a": found}, [video("a", truth)], classes=["a"]).micro
        assert (micro.recognition.clips, micro.recognition.f1, micro.hits) == (1, 1, 2)

    def test_without_classes_in_the_truth_there_is_no_score(self):
        micro = evaluate(
            {"made/s1/a": [span(0, 9, class_name="a")]}, [video("a", [span(0, 9)])]
        ).micro
        assert micro.recognition is micro.strs is None


class TestLaws:
    @QUICK
    @given(recordings(), st.randoms())
    def test_the_order_of_videos_and_of_movements_does_not_matter(self, recording, random):
        truth, found = recording
        mixed = random.sample(truth, len(truth))
        turned = {key: random.sample(each, len(each)) for key, each in found.items()}
        assert counts(evaluate(found, truth)) == counts(evaluate(turned, mixed))

    @QUICK
    @given(recordings())
    def test_exchanged_roles_exchange_precision_and_recall(self, recording):
        truth, found = recording
        turned = [video(each.name, found[each.key], each.subject) for each in truth]
        said = {each.key: [span(e.onset, e.offset, e.kind) for e in each.events] for each in truth}
        for one, other in zip(
            evaluate(found, truth).scopes, evaluate(said, turned).scopes, strict=True
        ):
            assert (one.precision, one.recall, one.f1) == (other.recall, other.precision, other.f1)

    @QUICK
    @given(recordings())
    def test_what_is_all_right_has_an_f1_of_one(self, recording):
        truth, _ = recording
        said = {each.key: [span(e.onset, e.offset, e.kind) for e in each.events] for each in truth}
        for scores in evaluate(said, truth).scopes:
            assert scores.f1 == (1 if scores.truth else None)
            assert scores.false_alarms == 0

    @QUICK
    @given(recordings(), st.sampled_from(["micro", "macro"]))
    def test_a_false_alarm_never_raises_f1(self, recording, kind):
        truth, found = recording
        key = truth[0].key
        more = {**found, key: [*found[key], span(500, 510, kind)]}
        for before, after in zip(
            evaluate(found, truth).scopes, evaluate(more, truth).scopes, strict=True
        ):
            assert (after.f1 or 0) <= (before.f1 or 0)
            assert after.hits == before.hits

    @QUICK
    @given(recordings())
    def test_more_is_found_where_the_kind_may_be_wrong(self, recording):
        truth, found = recording
        scores = evaluate(found, truth)
        assert scores.all.hits == scores.micro.hits + scores.macro.hits <= scores.either.hits
        assert all(0 <= (each.f1 or 0) <= 1 for each in scores.scopes)


class TestIntervals:
    def subjects(self, count, hit):
        truth = [video("v", [span(0, 9), span(30, 39)], subject=f"s{n}") for n in range(count)]
        return truth, {truth[n].key: [span(0, 9)] for n in range(count) if hit(n)}

    def test_the_interval_holds_the_score_and_is_the_same_again(self):
        truth, found = self.subjects(12, lambda n: n % 3)
        first, again = (evaluate(found, truth, draws=400).micro for _ in range(2))
        assert first.intervals == again.intervals
        assert first.intervals != evaluate(found, truth, draws=400, seed=1).micro.intervals
        interval = first.intervals.f1
        assert 0 < interval.low < first.f1 < interval.high < 1
        rate = first.intervals.false_alarms_per_minute
        assert rate.low == rate.high == 0
        assert first.intervals.draws == 400

    def test_subjects_and_not_videos_are_drawn(self):
        # Everything of one subject is found and nothing of the other: F1 is 0, 2/3 or 1 in a draw.
        truth = [video(f"v{n}", [span(0, 9)], subject=f"s{n // 5}") for n in range(10)]
        found = {each.key: [span(0, 9)] for each in truth if each.subject == "s0"}
        interval = evaluate(found, truth, draws=400).micro.intervals.f1
        assert (interval.low, interval.high) == (0, 1)

    def test_one_subject_has_no_interval(self):
        truth = [video("a", [span(0, 9)]), video("b", [span(0, 9)])]
        assert evaluate({}, truth).micro.intervals is None

    def test_subjects_of_one_video_are_drawn_together(self):
        both = replace(video("c", [span(0, 9)]), subjects=("s1", "s2"))
        truth = [video("a", subject="s1"), video("b", subject="s2"), both]
        scores = evaluate({}, truth)
        assert (scores.subjects, scores.micro.intervals) == (2, None)

    def test_where_few_subjects_have_an_event_there_is_no_interval_of_f1(self):
        truth = [video("v", [span(0, 9)] if not n else [], subject=f"s{n}") for n in range(40)]
        found = {truth[1].key: [span(0, 9)]}
        few = evaluate(found, truth, draws=200).micro.intervals
        assert few.draws < 200
        only_quiet = evaluate(found, truth[1:], draws=200).micro.intervals
        assert only_quiet.f1 is None
        assert only_quiet.false_alarms_per_minute.high > 0


class TestRefused:
    def test_no_video(self):
        with pytest.raises(DataError, match="no video"):
            evaluate({}, [])

    def test_a_video_twice(self):
        with pytest.raises(DataError, match="'made/s1/a' is listed twice"):
            evaluate({}, [video("a"), video("a")])

    def test_a_video_that_the_truth_does_not_know(self):
        with pytest.raises(DataError, match=r"'a\.mp4'.*knows 'made/s1/a'"):
            evaluate({"a.mp4": []}, [video("a")])

    @pytest.mark.parametrize(
        "wrong",
        [span(9, 3), span(-1, 3), span(0, 9, apex=12), span(0, 9, kind="brief")],
    )
    def test_an_impossible_movement(self, wrong):
        with pytest.raises(DataError, match="found in made/s1/a"):
            evaluate({"made/s1/a": [wrong]}, [video("a")])

    @pytest.mark.parametrize("seconds", [{}, {"made/s1/a": -1.0}, {"made/s1/a": float("nan")}])
    def test_impossible_seconds_of_face(self, seconds):
        with pytest.raises(DataError, match="made/s1/a"):
            evaluate({}, [video("a")], face_seconds=seconds)


@dataclass
class Found:
    subject_id: int = 2
    kind: str = "macro"
    onset_frame: int = 3
    apex_frame: int = 5
    offset_frame: int = 9


def test_an_interval_of_a_spotter_as_a_span():
    event = Found()
    assert span_of(event) == span(3, 9, "macro", apex=5, subject_id=2)
    event.class_name = "positive"
    assert span_of(event).class_name == "positive"


class TestTables:
    def scores(self):
        truth = [
            video("a", [span(0, 9, apex=3, class_name="happy")]),
            video("b", [span(0, 9, apex=3, class_name="sad")], subject="s2"),
            video("c", subject="s3"),
        ]
        found = {
            "made/s1/a": [span(0, 9, apex=6, class_name="happy")],
            "made/s3/c": [span(5, 9, "macro")],
        }
        return evaluate(found, truth, draws=200)

    def test_markdown(self):
        text = render_spotting_markdown(self.scores())
        (line,) = [line for line in text.splitlines() if line.startswith("| micro | 2")]
        assert "| 2 | 1 | 1 | 1.000 | 0.500 | 0.667 (0.000\N{EN DASH}1.000) | 0.000 " in line
        assert "3.0 frames (100 ms)" in text
        assert "1 video without an event: 1 false alarm, 1.000 per minute" in text
        widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
        assert widths == {7, 9}

    def test_csv(self):
        rows = list(csv.DictReader(io.StringIO(render_spotting_csv(self.scores()))))
        assert [row["scope"] for row in rows] == ["micro", "macro", "all", "either", "quiet"]
        assert float(rows[0]["f1"]) == pytest.approx(2 / 3, abs=1e-6)
        assert float(rows[0]["strs"]) == pytest.approx(1 / 3, abs=1e-6)
        assert rows[1]["recall"] == ""
        assert rows[4]["false_alarms_per_minute"] == "1.000000"

    def test_terminal(self):
        from rich.console import Console

        console = Console(file=io.StringIO(), width=80)
        console.print(render_spotting_terminal(self.scores()))
        text = console.file.getvalue()
        assert "(0.000\N{EN DASH}1.000)" in text
        assert "(0.000\N{EN DASH}0.500)" in text
        assert "\N{HORIZONTAL ELLIPSIS}" not in text
        assert "STRS" in text
        assert max(map(len, text.splitlines())) <= 80


def test_judging_a_spotter_loads_no_heavy_package():
    code = (
        "import sys, openmer.evaluation.spotting._score; "
        "print(*{'torch', 'cv2', 'av', 'scipy', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
