"""One subject written in two ways is named, never merged by a guess."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmer.clip import Clip
from openmer.datasets import ids_to_check, merge_subjects
from openmer.datasets._source import ClipSource
from openmer.datasets._subject_ids import alike_ids, shared_frames
from openmer.errors import ConfigError


def clip(subject, name="a", *, corpus="x", folder="f", onset=0, offset=9, count=20):
    frames = tuple(Path(f"{folder}/{number}.png") for number in range(count))
    return Clip(
        corpus=corpus,
        subject=subject,
        name=name,
        emotion="joy",
        onset=onset,
        offset=offset,
        frame_paths=frames,
    )


@pytest.mark.parametrize(
    "other",
    [
        "S06",
        "s6",
        "s06 ",
        "s 06",
        "\u00a0s06",
        "\uff53\uff10\uff16",
        "s006",
        "s\u200b06",
        "\u202es06",
        "\u045506",
        "s6.0",
        "s06\ufe0f",
        "s\U000e010006",
        "s\u034f\u316406",
        "s\u0660\u0666",
        "s_06",
        "s-6",
        "s.06",
        "(s\u20116)",
        "Sub06",
        "subject 6",
        "6",
        "6.0",
    ],
)
def test_spellings_of_one_id_are_alike(other):
    assert alike_ids(["x/s06", f"x/{other}"]) == [tuple(sorted(("x/s06", f"x/{other}")))]


def test_what_cannot_be_seen_in_an_id_is_written_out():
    (text,) = ids_to_check([clip("s06"), clip("s\u200b06", folder="g")])
    assert text == "x/s06 and x/s\\u200b06 may be one subject"
    (text,) = ids_to_check([clip("s06"), clip("s06\ufe0f", folder="g")])
    assert text == "x/s06 and x/s06\\ufe0f may be one subject"
    assert alike_ids(["x/1-2", "x/12", "x/1-3", "x/?", "x/!"]) == []


def test_unicode_forms_are_alike():
    assert len(alike_ids(["x/Zoe\u0308", "x/Zo\u00eb"])) == 1


@pytest.mark.parametrize(
    "other", ["x/s07", "x/s60", "x/s106", "y/s06", "x/t06", "x/s0.6", "x/s0-6", "x/s", "x/-"]
)
def test_other_ids_are_not(other):
    assert alike_ids(["x/s06", other]) == []


@given(st.sets(st.integers(1, 999), min_size=2))
def test_numbers_padded_alike_are_never_in_doubt(numbers):
    assert alike_ids([f"x/s{number:03}" for number in numbers]) == []
    assert len(alike_ids([f"x/{n}" for n in numbers] + [f"x/{n:05}" for n in numbers])) == len(
        numbers
    )


def test_two_subjects_on_the_same_frames():
    one = clip("a", onset=0, offset=9)
    assert shared_frames([one, clip("b", onset=10, offset=15)]) == []
    assert shared_frames([one, clip("b", onset=9, offset=15, folder="g")]) == []
    assert shared_frames([one, clip("a", "other", onset=5)]) == []
    (text,) = shared_frames([one, clip("b", "z", onset=9, offset=15)])
    assert text == "x/a/a and x/b/z have frames of f in common"
    assert len(shared_frames([one, clip("b", onset=1), clip("b", "z", onset=2)])) == 1
    flow = Clip(corpus="x", subject="a", name="n", emotion="joy", flow_path=Path("u.png"))
    twin = Clip(corpus="x", subject="b", name="n", emotion="joy", flow_path=Path("u.png"))
    assert len(shared_frames([flow, twin])) == 1


def test_merging_gives_one_id_and_keeps_keys_and_corpora():
    clips = [clip("s06"), clip("S06", "b", folder="g"), clip("7", corpus="y", folder="h")]
    merged = merge_subjects(clips, ["x/s06=x/S06", "x/s06 = y/7"])
    assert {found.subject_id for found in merged} == {"x/s06"}
    assert [found.key for found in merged] == ["x/s06/a", "x/S06/b", "y/7/a"]
    assert [found.corpus for found in merged] == ["x", "x", "y"]
    assert ids_to_check(merged) == ()
    assert merge_subjects(clips, []) == tuple(clips)
    ring = merge_subjects(clips[:2], ["x/s06=x/S06", "x/S06=x/s06"])
    assert {found.subject_id for found in ring} == {"x/s06"}


@pytest.mark.parametrize("pair", ["x/s06", "=x/s06", "x/s06="])
def test_a_pair_of_another_form_is_refused(pair):
    with pytest.raises(ConfigError, match="expected CORPUS/SUBJECT=CORPUS/SUBJECT"):
        merge_subjects([clip("s06")], [pair])


def test_an_unknown_subject_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no subject 'x/s07'\. Did you mean 'x/s06'"):
        merge_subjects([clip("s06")], ["x/s06=x/s07"])


def test_ids_that_were_checked_are_not_in_doubt():
    one, other = clip("s06"), clip("S06", folder="g")
    checked = [dataclasses.replace(found, same_as=found.subject_id) for found in (one, other)]
    assert ids_to_check(checked) == ()
    assert len(ids_to_check([checked[0], other])) == 1


def test_a_source_warns_once_and_records_it():
    source = ClipSource(
        clips=(clip("s06"), clip("S06", folder="g")), kind="manifest", name="m", title="m"
    )
    assert source.warning.count("x/S06 and x/s06 may be one subject") == 1
    assert "--same-subject A=B" in source.warning
    assert source.record()["ids_to_check"] == ["x/S06 and x/s06 may be one subject"]
    settled = source.merged(["x/s06=x/S06"])
    assert settled.warning == ""
    assert "ids_to_check" not in settled.record()


@pytest.mark.parametrize("kind", ["link", "second name", "dots"])
def test_frames_are_the_same_by_whatever_name(tmp_path, kind):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    for number in range(3):
        (one / f"{number}.png").write_bytes(b"x")
    if kind == "link":
        other.symlink_to(one)
    elif kind == "second name":
        other.mkdir()
        for path in one.iterdir():
            (other / path.name).hardlink_to(path)
    else:
        other = tmp_path / "one/../one"
    pair = [clip("a", folder=one, count=3, offset=2), clip("b", folder=other, count=3, offset=2)]
    assert len(shared_frames(pair)) == 1
    flows = [dataclasses.replace(c, frame_paths=(), flow_path=c.frame_paths[0]) for c in pair]
    assert len(shared_frames(flows)) == 1
