"""Answers to the questions of the MEGC challenges, and entries to their spotting tasks."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmer.errors import DataError
from openmer.evaluation import (
    Answer,
    Shown,
    Span,
    answer_by_prior,
    answer_by_template,
    read_answers,
    read_spotted,
    score_answers,
    write_answers,
    write_spotted,
)

COARSE = "What is the coarse expression class?"
FINE = "What is the fine-grained expression class?"
UNIT = "Is the action unit cheek raiser shown on the face?"
SIDE = "Is the action unit brow lowerer located on the left or right face?"
UNITS = "What are the action units?"
ALL = (
    "What are the action units present, and based on them, what is the fine-grained expression and "
    "the coarse expression class?"
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


def asked(*pairs, video="a"):
    return tuple(
        Answer(video_id=f"{video}_{number}", video=video, question=question, answer=answer)
        for number, (question, answer) in enumerate(pairs)
    )


def test_what_is_asked_is_told_from_the_words():
    kinds = [
        one.kind
        for one in asked(*((q, "") for q in (COARSE, FINE, UNIT, SIDE, UNITS, ALL, "Why?")))
    ]
    assert kinds == ["coarse", "fine", "unit", "side", "units", "all", "other"]


@given(rows=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=5))
def test_answers_come_back_as_they_were(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("answers") / "a.jsonl"
    answers = tuple(
        Answer(video_id=str(i), video=v, question=q, answer=a, others={"fps": 30})
        for i, (v, q, a) in enumerate(rows)
    )
    write_answers(path, answers)
    assert read_answers(path) == answers


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no JSON"),
        ("[]", "expected an object"),
        ('{"video_id": "1", "video": "a"}', "expected an object"),
        ('{"video_id": "1", "video": "a", "question": "b", "answer": 3}', "expected a text"),
    ],
)
def test_a_wrong_line_is_named(line, said, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(DataError, match=f"line 2.*{said}"):
        read_answers(path)


def test_scores_are_those_that_one_counts_by_hand():
    pytest.importorskip("sacrebleu", reason="the extra challenge is not installed")
    truth = asked((COARSE, "negative"), (COARSE, "negative"), (COARSE, "surprise"), (FINE, "fear"))
    said = asked((COARSE, "Negative "), (COARSE, "surprise"), (COARSE, "surprise"), (FINE, "smile"))
    found = score_answers(truth, said[:3])
    assert (found.questions, found.unanswered) == (4, 1)
    assert found.coarse_uf1 == pytest.approx(2 / 3)  # F1 of negative and of surprise are 2/3 each
    assert found.coarse_uar == pytest.approx((1 / 2 + 1) / 2)
    assert score_answers(truth, said).fine_uf1 == 0
    assert found.rouge1 == pytest.approx(2 / 4)
    whole = score_answers(truth, truth)
    assert (whole.coarse_uf1, whole.fine_uar, whole.rouge1) == (1, 1, 1)
    assert whole.bleu == pytest.approx(1)
    assert score_answers(asked(("Why?", "so")), asked(("Why?", "so"))).coarse_uf1 is None
    with pytest.raises(DataError, match=r"1 questions have no answer, such as 'a_3', and 1 .*'x3'"):
        score_answers(truth, [*said[:3], replace(said[3], video_id="x3")])
    with pytest.raises(DataError, match="no true answer"):
        score_answers(asked((COARSE, "")), said)


def test_the_prior_is_the_most_frequent_answer_to_the_words():
    known = asked((COARSE, "negative"), (COARSE, "negative"), (COARSE, "surprise"), (FINE, "fear"))
    other = "What is the coarse class here?"
    found = answer_by_prior(asked((COARSE, ""), (other, ""), (FINE, ""), ("Why?", "")), known)
    assert [one.answer for one in found] == ["negative", "negative", "fear", "negative"]
    with pytest.raises(DataError, match="no answered question"):
        answer_by_prior(known, asked((COARSE, "")))


def test_a_template_says_what_was_seen_and_the_prior_the_rest():
    questions = asked(*((q, "") for q in (COARSE, FINE, UNIT, UNITS, ALL, "Why?")))
    prior = answer_by_prior(questions, asked((COARSE, "negative")))
    shown = {"a": Shown(coarse="positive", fine="happiness", units=(6, 12))}
    answers = [one.answer for one in answer_by_template(questions, shown, prior)]
    assert answers == [
        "positive", "happiness", "yes", "cheek raiser, lip corner puller",
        "The action units present are: cheek raiser, lip corner puller. Therefore, the "
        "fine-grained expression class is happiness, and the coarse expression class is positive.",
        "negative",
    ]  # fmt: skip
    unseen = answer_by_template(questions, {}, prior)
    assert [one.answer for one in unseen] == ["negative"] * 6
    side = asked((SIDE, ""))
    known = answer_by_prior(side, asked((SIDE, "left"), video="b"))
    assert [one.answer for one in answer_by_template(side, shown, known)] == ["left"]
    one = answer_by_template(questions, {"a": Shown(units=(1,))}, prior)
    assert [one[2].answer, one[3].answer] == ["no", "inner brow raiser"]


SPANS = st.builds(
    lambda kind, onset, length, name: Span(
        kind=kind, onset=onset, offset=onset + length, class_name=name
    ),
    st.sampled_from(["micro", "macro"]), st.integers(0, 999), st.integers(0, 99),
    st.sampled_from([None, "surprise"]),
)  # fmt: skip


@given(
    found=st.dictionaries(
        st.text("abc/_1", min_size=1, max_size=6), st.lists(SPANS, min_size=1, max_size=3),
        max_size=3,
    ),
    first=st.integers(0, 1),
)  # fmt: skip
def test_an_entry_is_read_back(found, first, tmp_path_factory):
    path = tmp_path_factory.mktemp("spotted") / "pred.csv"
    write_spotted(path, found, first=first)
    again = read_spotted(path, first=first)
    assert {vid: set(spans) for vid, spans in again.items()} == {
        vid: set(spans) for vid, spans in found.items()
    }


def test_an_entry_has_the_columns_of_the_challenges(tmp_path):
    path = tmp_path / "pred.csv"
    write_spotted(path, {"b": [Span(kind="macro", onset=3, offset=9)]}, first=1)
    assert path.read_text() == "vid,pred_onset,pred_offset,type\nb,4,10,mae\n"
    write_spotted(path, {"b": [Span(kind="micro", onset=3, offset=9, class_name="fear")]})
    assert path.read_text().splitlines()[1] == "b,3,9,me,fear"
    path.write_text("vid,pred_onset,pred_offset,type\nb,4,x,mae\n")
    with pytest.raises(DataError, match="row 2"):
        read_spotted(path)
    path.write_text("vid,type\n")
    with pytest.raises(DataError, match="no column pred_onset"):
        read_spotted(path)
    with pytest.raises(DataError):
        read_spotted(Path(tmp_path / "none.csv"))
