"""Tables of events: written whole, read back, safe in a sheet, the same bytes each time."""

import csv
import errno
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.video.made_analysis import analysis, event, info

from openmer.deployment import default_model
from openmer.errors import DataError
from openmer.video import write_events
from openmer.video._event import UnitHint
from openmer.video.output._events import read_events
from openmer.video.spotting._regions import REGIONS

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
shares = st.floats(0, 1)


hints = st.builds(
    UnitHint, unit=st.integers(1, 26), side=st.sampled_from(["both", "left", "right"]),
    strength=st.floats(0.15, 20).map(lambda value: round(value, 3)),
)  # fmt: skip


@st.composite
def made_events(draw):
    onset_s = draw(st.floats(0, 1e5))
    names = draw(st.lists(texts, unique=True, max_size=4))
    return event(
        onset_s,
        draw(st.floats(0.04, 4)),
        kind=draw(st.sampled_from(["micro", "macro"])),
        class_name=draw(st.none() | texts.filter(bool)),
        confidence=draw(st.none() | shares),
        scores={name: draw(st.floats(-50, 50)) for name in names},
        regions=tuple(draw(st.lists(st.sampled_from(REGIONS), unique=True, max_size=3))),
        reason=draw(texts),
        looks_like=tuple(draw(st.lists(hints, max_size=3))),
        face_xyxy=tuple(draw(st.tuples(*[st.floats(-1e4, 1e4)] * 4))),
    )


def kept(event):
    """An event with the digits that the files keep."""
    digits = {"onset_s": 6, "apex_s": 6, "offset_s": 6, "strength": 3, "displacement": 5}
    changed = {name: round(getattr(event, name), count) for name, count in digits.items()}
    sure = event.confidence
    return replace(
        event,
        **changed,
        confidence=None if sure is None else round(sure, 4),
        scores={name: round(score, 4) for name, score in event.scores.items()},
        face_xyxy=tuple(round(edge, 1) for edge in event.face_xyxy),
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(made_events(), max_size=4), texts)
def test_what_is_written_is_read_back_from_either_file(tmp_path_factory, events, name):
    folder = tmp_path_factory.mktemp("events")
    for path in write_events(folder, analysis(info=info(name), seconds=1, events=tuple(events))):
        assert read_events(path) == tuple(map(kept, events))
    assert read_events(folder) == tuple(map(kept, events))


def test_results_of_an_earlier_version_are_read(tmp_path):
    sheet, page = write_events(tmp_path, analysis(event()))
    rows = list(csv.reader(io.StringIO(sheet.read_bytes().decode(), newline="")))
    at = rows[0].index("looks_like")
    lines = [",".join(f'"{cell}"' for n, cell in enumerate(row) if n != at) for row in rows]
    sheet.write_text("\n".join(lines))
    told = json.loads(page.read_text("utf-8"))
    del told["events"][0]["looks_like"]
    page.write_text(json.dumps(told))
    assert [read_events(path)[0].looks_like for path in (sheet, page)] == [(), ()]


def test_the_same_analysis_gives_the_same_bytes(tmp_path):
    found = analysis(event(), event(4.0), model=default_model().record)
    first = [path.read_bytes() for path in write_events(tmp_path / "a", found)]
    second = [
        path.read_bytes()
        for path in write_events(tmp_path / "b", replace(found, seconds={"x": 1.0}))
    ]
    assert first == second
    assert [path.name for path in (tmp_path / "a").iterdir() if path.suffix == ".tmp"] == []


def test_the_page_says_what_was_looked_at_and_by_what(tmp_path):
    record = default_model().record
    write_events(tmp_path, analysis(event(), model=record, damage="broken after frame 7"))
    page = json.loads((tmp_path / "events.json").read_text("utf-8"))
    assert page["format"] == 1
    assert page["verdict"] == "Found 1 micro-expression."
    assert page["video"]["fps"] == "30000/1001"
    assert page["video"]["name"] == "talk.mp4"
    assert page["video"]["damage"] == "broken after frame 7"
    assert page["model"]["weights_sha256"] == record.weights_sha256
    assert page["model"]["estimate"]["clips"] == record.estimate.clips
    assert page["faces"][0]["seen_s"] == pytest.approx(7.967, abs=0.01)


@pytest.mark.parametrize("faces", [analysis().faces, ()])
def test_no_event_is_a_valid_answer(tmp_path, faces):
    record = default_model().record
    paths = write_events(tmp_path, analysis(faces=faces, model=record))
    assert [read_events(path) for path in paths] == [(), ()]
    (header,) = csv.reader(io.StringIO(paths[0].read_text("utf-8")))
    assert header[-3:] == [f"score_{name}" for name in record.classes]
    verdict = json.loads(paths[1].read_text("utf-8"))["verdict"]
    assert verdict.startswith("Nothing found" if faces else "No face")


@pytest.mark.parametrize("start", [*"=+-@\t\r\n", "'=", "''@"])
def test_no_cell_is_a_formula(tmp_path, start):
    evil = f"{start}HYPERLINK(1)"
    found = analysis(
        event(class_name=evil, reason=evil, regions=(evil,), scores={evil: 0.5}), info=info(evil)
    )
    path, _ = write_events(tmp_path, found)
    rows = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
    told = [cell for row in rows for cell in row if "HYPERLINK" in cell]
    assert len(told) == 5
    assert not any(cell[0] in "=+-@\t\r\n" for cell in told)
    assert read_events(path)[0].class_name == evil


def test_a_name_that_is_no_text_is_written(tmp_path):
    paths = write_events(tmp_path, analysis(event(), info=info("caf\udce9.mp4")))
    assert json.loads(paths[1].read_text("utf-8"))["video"]["name"] == r"caf\udce9.mp4"
    assert len(read_events(paths[0])) == 1


def test_a_number_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match="nan"):
        write_events(tmp_path, analysis(event(strength=float("nan"))))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_files(tmp_path, monkeypatch):
    write_events(tmp_path, analysis(event()))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    opened = Path.open

    class Full(io.BytesIO):
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_(path, *args, **options):
        return Full() if ".json" in path.name else opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(DataError, match=r"Cannot write .*events\.json: No space left"):
        write_events(tmp_path, analysis())
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_place_that_is_a_file_is_one_error(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(DataError, match="Cannot write"):
        write_events(tmp_path / "out", analysis())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("events.json", "{}"),
        ("events.json", '{"format": 2, "events": []}'),
        ("events.json", '{"format": 1, "events": [{"kind": "micro"}]}'),
        ("events.json", "[1]"),
        ("events.json", "no json"),
        ("events.csv", "a,b\n1,2\n"),
        ("events.csv", ""),
    ],
)
def test_another_table_is_one_error(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match="cannot be read as a table of events"):
        read_events(tmp_path / name)


@pytest.mark.parametrize("change", [lambda row: row[:-1], lambda row: [*row, "x"]])
def test_a_line_of_another_length_is_one_error(tmp_path, change):
    path, _ = write_events(tmp_path, analysis(event()))
    header, row = csv.reader(io.StringIO(path.read_text("utf-8")))
    path.write_text(",".join(header) + "\n" + ",".join(change(row)) + "\n")
    with pytest.raises(DataError, match="cells"):
        read_events(path)


def test_a_missing_table_is_one_error(tmp_path):
    with pytest.raises(DataError, match="expected a table of events"):
        read_events(tmp_path / "events.csv")
