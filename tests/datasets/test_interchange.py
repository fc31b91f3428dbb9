"""Clips to other forms and back: BIDS-like folders and datasets of Hugging Face."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import openmer
from openmer.datasets import hugging_face_dataset, read_bids, write_bids
from openmer.errors import ConfigError, DataError

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
COLUMNS = ("corpus", "subject", "clip", "label", "onset", "apex", "offset", "fps", "frames")


@pytest.fixture(name="clips", scope="module")
def _clips(tmp_path_factory):
    return openmer.synthesize(tmp_path_factory.mktemp("made") / "tiny", size="tiny", progress=False)


def test_a_bids_like_folder_is_read_back(clips, tmp_path):
    folder = clips.to_bids(tmp_path / "bids")
    found = openmer.load_clips(folder)
    by_key = {clip.key: clip for clip in clips}
    assert {clip.key: clip for clip in found} == by_key
    assert json.loads((folder / "dataset_description.json").read_text())["BIDSVersion"]
    (first, *_) = sorted(folder.glob("sub-*/beh/*_events.tsv"))
    with first.open(newline="") as file:
        row = next(csv.DictReader(file, delimiter="\t"))
    clip = next(one for one in clips if one.name == row["clip"])
    assert float(row["onset"]) == pytest.approx(float(clip.onset / clip.fps))
    assert float(row["duration"]) == pytest.approx(clip.duration_s)
    assert row["trial_type"] == clip.emotion
    with pytest.raises(DataError):
        clips.to_bids(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(rows=st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, unique=True))
@example(rows=[("n/a", "'n/a'", "''n/a''"), ("'", "''", "n/a'")])
def test_any_words_come_back_as_they_were(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bids") / "made"
    given_rows = [
        {**dict.fromkeys(COLUMNS), "corpus": "ours", "subject": s, "clip": c, "label": e}
        for s, c, e in rows
    ]
    write_bids(folder, given_rows, COLUMNS, "tests 1")
    found = {(one["subject"], one["clip"], one["label"]) for one in read_bids(folder).values()}
    assert found == set(rows)


def test_a_table_that_lacks_something_is_named(clips, tmp_path):
    folder = clips.to_bids(tmp_path / "bids")
    (folder / "participants.tsv").write_text("participant_id\nsub-0001\n")
    with pytest.raises(DataError, match=r"participants\.tsv has no column corpus, subject"):
        openmer.load_clips(folder)


def test_blank_lines_are_no_rows_and_a_participant_stands_once(clips, tmp_path):
    folder = clips.to_bids(tmp_path / "bids")
    people = folder / "participants.tsv"
    text = people.read_text()
    people.write_text(text.replace("\n", "\n\n"))
    assert len(openmer.load_clips(folder)) == len(clips)
    people.write_text(text + text.splitlines()[1] + "\n")
    with pytest.raises(DataError, match="lists 'sub-0001' twice"):
        openmer.load_clips(folder)


@pytest.mark.parametrize("name", ["/dev/zero", "../sub-0001", "sub-1/../../x", "", "sub-", "0001"])
def test_a_participant_is_no_path(clips, tmp_path, name):
    folder = clips.to_bids(tmp_path / "bids")
    people = folder / "participants.tsv"
    people.write_text(people.read_text().replace("sub-0001", name))
    with pytest.raises(DataError, match=r"participants\.tsv.*expected a name like sub-0001"):
        openmer.load_clips(folder)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\tsurprise\t", "\tsurprise\tmore\t", r"row \d+ has \d+ cells, expected"),
        (
            "\tsurprise\t",
            "\tn/a\t",
            r"sub-0001_task-expression_events\.tsv row \d+: label is empty",
        ),
        ("\tsurprise\t", "\tsur\0prise\t", r"is not UTF-8 text \(byte"),
    ],
)
def test_a_wrong_row_is_named_by_its_own_table(clips, tmp_path, old, new, said):
    folder = clips.to_bids(tmp_path / "bids")
    path = folder / "sub-0001/beh/sub-0001_task-expression_events.tsv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=said) as caught:
        openmer.load_clips(folder)
    assert str(folder) in str(caught.value)


def test_a_dataset_of_hugging_face_is_read_back(clips):
    pytest.importorskip("datasets", reason="the extra hugging-face is not installed")
    made = clips.to_hugging_face(images=True)
    assert openmer.load_clips(made).clips == clips.clips
    assert len(made[0]["images"]) == len(clips[0].frame_paths)
    assert made[0]["images"][0].size[0] > 0


def test_a_missing_extra_is_one_clear_error(clips, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(ConfigError, match="hugging-face"):
        hugging_face_dataset(clips.to_frame())


def test_a_path_that_is_no_text_is_named(clips, tmp_path):
    rows = clips.to_frame().astype(object).to_dict("records")
    rows[0]["frames"] += "\udce4"
    with pytest.raises(DataError, match="no UTF-8 text"):
        openmer.load_clips(pd.DataFrame(rows, dtype=object))
    with pytest.raises(DataError, match="no UTF-8 text"):
        write_bids(tmp_path / "bids", rows, list(rows[0]), "tests 1")
    assert not (tmp_path / "bids").exists()


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, np.float32("nan"), ""])
def test_whatever_a_table_leaves_out_is_empty(clips, missing):
    table = clips.to_frame().astype(object)
    table.loc[0, "apex"] = missing
    assert openmer.load_clips(table)[0].apex is None


def test_a_cell_that_is_no_value_is_taken_as_its_text(clips):
    table = clips.to_frame().astype(object)
    table.at[0, "label"] = np.arange(2)
    table.at[1, "label"] = b"joy"
    assert [clip.emotion for clip in openmer.load_clips(table)[:2]] == ["[0 1]", "joy"]


def test_folders_without_a_participant_are_named(clips, tmp_path):
    folder = clips.to_bids(tmp_path / "bids")
    table = folder / "participants.tsv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[:-2]))
    with pytest.raises(DataError, match=r"no row for 2 tables of events: sub-000\d/beh/"):
        openmer.load_clips(folder)


def test_events_that_were_lost_are_named(clips, tmp_path):
    folder = clips.to_bids(tmp_path / "bids")
    path = folder / "sub-0002/beh/sub-0002_task-expression_events.tsv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    told = f"has {len(lines) - 2} rows, and participants.tsv says {len(lines) - 1}"
    with pytest.raises(DataError, match=told):
        openmer.load_clips(folder)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda table: {"train": table, "test": table}, "dict of 'train', 'test'.*source"),
        (lambda table: table["corpus"], "Found clips as Series"),
        (lambda table: table.groupby("corpus"), "Found clips as DataFrameGroupBy"),
        (lambda table: [table], "Found clips as list"),
        (lambda _: pd.DataFrame, "Found clips as type"),
        (lambda _: None, "Found clips as NoneType"),
        (lambda _: "x" * 5000, "There is no corpus 'x{160}'"),
    ],
)
def test_what_holds_no_clips_is_one_clear_error(clips, made, said):
    with pytest.raises(ConfigError, match=said):
        openmer.load_clips(made(clips.to_frame()))


def test_rows_and_clips_are_read_as_a_table_is(clips, tmp_path):
    table = clips.to_frame()
    assert openmer.load_clips(table.to_dict("records")).clips == clips.clips
    assert openmer.load_clips(clips).clips == clips.clips
    table.to_csv(tmp_path / "clips.txt", index=False)
    assert openmer.load_clips(str(tmp_path / "clips.txt")).clips == clips.clips
    with pytest.raises(DataError, match="found nothing"):
        openmer.load_clips(str(tmp_path / "other.txt"))


def test_the_parts_of_a_dataset_of_hugging_face_are_named(clips):
    library = pytest.importorskip("datasets", reason="the extra hugging-face is not installed")
    both = library.DatasetDict(train=clips.to_hugging_face(), test=clips.to_hugging_face())
    with pytest.raises(ConfigError, match="DatasetDict of 'train', 'test'"):
        openmer.load_clips(both)
    assert openmer.load_clips(both["train"]).clips == clips.clips
