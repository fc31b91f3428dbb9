"""Events go to the programs in which people code, open in their libraries, and come back."""

import errno
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pympi
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from praatio import textgrid
from tests.video.made_analysis import analysis, event, info

from openmer.datasets import read_truth_csv
from openmer.errors import ConfigError, DataError
from openmer.video import export_events, import_events, write_events, write_video
from openmer.video.coding._coding import EVENT_FORMATS, CodedEvent, Coding, event_from
from openmer.video.coding._import import _COLUMNS, _row, one_coder, read_coding

FPS = 25
SIGNS = st.characters(categories=("L", "N")) | st.sampled_from(';,|"+ -:/')
TEXT = st.text(SIGNS, max_size=12).map(lambda text: " ".join(text.split()))
WORD = TEXT | st.sampled_from(["a; b", "a,b|c", '"', "note x", "AU 4", "6+12", "micro", "None; a"])
UNITS = st.lists(st.sampled_from(["1", "2", "L4", "12", "R14", "25"]), unique=True, max_size=3)


@st.composite
def codings(draw):
    """Any number of events of two faces; they may overlap."""
    events = []
    for _ in range(draw(st.integers(0, 5))):
        onset = draw(st.integers(0, 200))
        length = draw(st.integers(1, 40))
        apex = draw(st.none() | st.integers(0, length))
        events.append(
            CodedEvent(
                subject_id=draw(st.integers(1, 2)), kind=draw(st.sampled_from(["micro", "macro"])),
                onset_s=onset / FPS, offset_s=(onset + length) / FPS,
                apex_s=None if apex is None else (onset + apex) / FPS,
                class_name=draw(WORD), action_units="+".join(draw(UNITS)), comment=draw(TEXT),
            )
        )  # fmt: skip
    return Coding(video="/v/face.mp4", duration_s=12.0, step_s=1 / FPS, events=tuple(events))


def key(one):
    return (one.onset_s, one.offset_s, one.subject_id, one.kind, one.label)


def words(class_name):
    """One event with that class, which a format may use for a word of its own."""
    event = CodedEvent(subject_id=1, kind="micro", onset_s=0.0, offset_s=0.2, class_name=class_name)
    return Coding(video="/v/face.mp4", duration_s=12.0, step_s=1 / FPS, events=(event,))


@pytest.mark.parametrize("name", sorted(EVENT_FORMATS))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(coding=codings())
@example(coding=words("None"))
@example(coding=words("'None'"))
@example(coding=words("Nonesuch"))
def test_what_is_written_reads_back(name, coding, tmp_path):
    form = EVENT_FORMATS[name]
    path = tmp_path / f"face{form.suffix}"
    path.unlink(missing_ok=True)
    unique = {(e.subject_id, e.kind): e for e in coding.events}  # programs pair by these
    alone = Coding(**{n: getattr(coding, n) for n in ("video", "duration_s", "step_s")},
                   events=tuple(unique.values()))  # fmt: skip
    form.write(path, alone)
    found = sorted(form.read(path).events, key=key)
    assert [key(one) for one in found] == [
        key(one) for one in sorted(map(rounded, alone.events), key=key)
    ]
    own = {(e.subject_id, e.kind): e.apex_s for e in alone.events}
    if name != "boris":  # whose points do not say of which kind they are
        assert {(e.subject_id, e.kind): e.apex_s for e in found} == pytest.approx(own, abs=1e-3)


def rounded(one):
    times = {n: round(getattr(one, n), 3) for n in ("onset_s", "offset_s")}
    return CodedEvent(
        **times, subject_id=one.subject_id, kind=one.kind, class_name=one.class_name,
        action_units=one.action_units, comment=one.comment,
    )  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """Results of a video of 8 s whose name has a space and a letter beyond ASCII."""
    video = tmp_path / "Gespräch 1.mkv"
    images = np.zeros((8 * 30, 16, 16, 3), np.uint8)
    write_video(video, images, Fraction(30), codec="ffv1")
    folder = tmp_path / "analysis" / "Gespräch 1"
    found = analysis(
        event(onset_s=2.0), event(onset_s=4.0, length_s=1.0, kind="macro", class_name=None),
        info=info(str(video), fps=Fraction(30)),
    )  # fmt: skip
    write_events(folder, found)
    (folder / "done.json").write_text(json.dumps({"video": {"path": str(video)}}))
    return folder


def test_each_file_opens_in_its_library(results, tmp_path):
    paths = export_events([tmp_path / "analysis"], list(EVENT_FORMATS), tmp_path / "coding")
    by_end = {path.suffix: path for path in paths}
    document = pympi.Eaf(str(by_end[".eaf"]))
    (micro,) = document.get_annotation_data_for_tier("subject 1 micro")
    assert micro[:2] == (2000, 2300) and micro[2].startswith("micro; positive; note found by")
    assert document.get_annotation_data_for_tier("subject 1 micro apex")[0][0] == 2150
    assert document.get_linked_files()[0]["MEDIA_URL"].endswith("Gespr%C3%A4ch%201.mkv")
    grid = textgrid.openTextgrid(str(by_end[".TextGrid"]), includeEmptyIntervals=False)
    assert grid.getTier("subject 1 macro").entries[0][:2] == (4.0, 5.0)
    assert grid.getTier("subject 1 micro apex").entries[0].time == pytest.approx(2.15)
    with av.open(str(by_end[".vtt"])) as subtitles:
        cues = [packet for packet in subtitles.demux() if packet.size]
    assert [float(cue.pts * cue.time_base) for cue in cues] == [2.0, 4.0]
    project = json.loads(by_end[".boris"].read_text(encoding="utf-8"))
    (observation,) = project["observations"].values()
    assert [row[2] for row in observation["events"]].count("micro") == 2  # start and stop


def test_the_same_events_give_the_same_bytes(results, tmp_path):
    for folder in ("one", "other"):
        export_events([results], list(EVENT_FORMATS), tmp_path / folder)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


@pytest.mark.parametrize("name", sorted(EVENT_FORMATS))
def test_coded_events_become_truth_at_their_frames(results, tmp_path, name):
    paths = export_events([results], [name], tmp_path)  # beside the video
    assert import_events(paths, tmp_path / "truth" / "truth.csv") == (2,)
    (video,) = read_truth_csv(tmp_path / "truth" / "truth.csv")
    assert video.path.samefile(tmp_path / "Gespräch 1.mkv")
    micro, macro = video.events
    assert (micro.kind, micro.onset, micro.offset, micro.emotion) == ("micro", 60, 69, "positive")
    assert micro.apex == 64 and (macro.onset, macro.offset, macro.kind) == (120, 150, "macro")


def test_the_work_of_a_coder_is_not_replaced(results, tmp_path):
    out = tmp_path / "coding"
    eaf, vtt = export_events([results], ["eaf", "vtt"], out)
    assert export_events([results], ["eaf", "vtt"], out) == (eaf, vtt)  # the same bytes
    eaf.write_bytes(eaf.read_bytes() + b"<!-- anna -->")
    vtt.unlink()
    with pytest.raises(DataError, match=r"eaf is there already.*another place"):
        export_events([results], ["vtt", "eaf"], out)
    assert not vtt.exists() and eaf.read_bytes().endswith(b"anna -->")
    truth = tmp_path / "truth.csv"
    for content in ("name\nanna\n", ",".join(_COLUMNS) + "\nown,,,,,,,,\n"):
        truth.write_text(content)
        with pytest.raises(DataError, match=r"truth\.csv (is there|does not say)"):
            import_events([eaf], truth, video=tmp_path / "Gespräch 1.mkv")
        assert truth.read_text() == content


def test_folders_of_one_name_and_half_written_ones_give_no_files(results, tmp_path):
    other = tmp_path / "day2" / results.name
    shutil.copytree(results, other)
    shutil.copytree(results, results.with_name(".clip.mark.tmp"))
    assert len(export_events([results.parent], ["vtt"], tmp_path / "one")) == 1
    with pytest.raises(DataError, match=r"analysis.*and.*day2"):
        export_events([results, other], ["vtt"], tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_the_rate_of_the_analysis_places_the_events(results, tmp_path):
    (path,) = export_events([results], ["vtt"], tmp_path)
    import_events([path], tmp_path / "truth.csv", fps=Fraction(15))
    (video,) = read_truth_csv(tmp_path / "truth.csv")
    assert video.events[0].onset == 30  # at 2 s


@pytest.mark.parametrize(
    ("label", "lasts_s", "expected"),
    [
        ("happiness", 0.3, ("micro", "happiness", "", "")),
        ("AU 6 + 12", 2.0, ("macro", "", "6+12", "")),
        ("AU4", 0.2, ("micro", "", "4", "")),
        ("Micro; surprise; AU 1,2; note sure", 0.9, ("micro", "surprise", "1+2", "sure")),
        ("", 0.1, ("micro", "", "", "")),
        ("autumn; leaves", 0.1, ("micro", "autumn", "", "leaves")),
        ("AU6+AU12", 0.1, ("micro", "", "6+12", "")),
        ("AU 6 + AU 12", 0.1, ("micro", "", "6+12", "")),
        ("AU6 AU12", 0.1, ("micro", "", "6+12", "")),
        ("au 4", 0.1, ("micro", "", "4", "")),
        ("6+12", 0.1, ("micro", "", "6+12", "")),
        ("AU4; AU 7 or 9", 0.1, ("micro", "", "4+7/9", "")),
        ("happiness (AU6+AU12)", 0.1, ("micro", "happiness", "6+12", "")),
        ("4", 0.1, ("micro", "4", "", "")),
        ("August 4", 0.1, ("micro", "August 4", "", "")),
        ('"a; AU 4"', 0.1, ("micro", "a; AU 4", "", "")),
    ],
)
def test_labels_of_coders_are_understood(label, lasts_s, expected):
    found = event_from(label, 1.0, 1.0 + lasts_s)
    assert (found.kind, found.class_name, found.action_units, found.comment) == expected


def test_tiers_of_a_coders_own_name_are_read(tmp_path):
    document = pympi.Eaf()
    document.add_tier("mimic", part="subject 2")
    document.add_annotation("mimic", 1000, 1400, "disgust")
    document.to_file(str(tmp_path / "own.eaf"))
    (found,) = read_coding(tmp_path / "own.eaf").events
    assert (found.subject_id, found.kind, found.class_name) == (2, "micro", "disgust")


def test_tiers_of_one_action_unit_each_are_movements_with_units(tmp_path):
    document = pympi.Eaf()
    for name, start, end, text in (
        ("AU12L", 1000, 1400, "b"),
        ("AU 6", 1200, 1500, "x"),
        ("au4", 3000, 3200, "unsure"),
    ):
        document.add_tier(name, part="subject 2")
        document.add_annotation(name, start, end, text)
    document.to_file(str(tmp_path / "own.eaf"))
    first, second = one_coder(tmp_path, read_coding(tmp_path / "own.eaf"), "").events
    assert (first.onset_s, first.offset_s, first.action_units) == (1.0, 1.5, "12BL+6")
    assert (second.action_units, second.class_name, second.comment) == ("4", "", "unsure")
    assert first.subject_id == second.subject_id == 2


ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00+01:00" FORMAT="3.0" VERSION="3.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
<HEADER MEDIA_FILE="" TIME_UNITS="{units}">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/Coding/anna/sound.wav" MIME_TYPE="audio/x-wav"/>
<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/Coding/anna/{video}" MIME_TYPE="video/mp4" {origin}/>
</HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/>
<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1400"/></TIME_ORDER>
{tiers}
<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="x" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>"""


def tier(name, text, more="", *, key="a1", owner=None):
    """A tier of ELAN with one annotation, at 1.0 to 1.4 s or of another annotation."""
    kind, at = "ALIGNABLE", 'TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"'
    if owner is not None:
        kind, at = "REF", f'ANNOTATION_REF="{owner}"'
    return (
        f'<TIER LINGUISTIC_TYPE_REF="x" TIER_ID="{name}" {more}><ANNOTATION><{kind}_ANNOTATION '
        f'ANNOTATION_ID="{key}" {at}><ANNOTATION_VALUE>{text}</ANNOTATION_VALUE>'
        f"</{kind}_ANNOTATION></ANNOTATION></TIER>"
    )


def elan(folder, *tiers, units="milliseconds", video="w.mp4", origin=""):
    path = folder / "own.eaf"
    text = ELAN.format(units=units, video=video, origin=origin, tiers="".join(tiers))
    path.write_text(text, encoding="utf-8")
    return path


def test_what_depends_on_an_annotation_is_said_of_it(tmp_path):
    path = elan(
        tmp_path,
        tier("emotion", "happiness; a bit", 'PARENT_REF="face"', key="a2", owner="a1"),
        tier("AU", "6+AU12", 'PARENT_REF="face"', key="a3"),  # its own times, in those of the face
        tier("remarks", "sure", 'PARENT_REF="emotion"', key="a4", owner="a2"),
        tier("face", "micro"),
    )
    (found,) = read_coding(path).events
    assert (found.kind, found.class_name) == ("micro", "happiness; a bit")
    assert (found.action_units, found.comment) == ("6+12", "sure")


def test_the_time_origin_of_elan_is_where_its_time_begins_in_the_file(tmp_path):
    (found,) = read_coding(elan(tmp_path, tier("t", "micro"), origin='TIME_ORIGIN="2500"')).events
    assert (found.onset_s, found.offset_s) == (3.5, 3.9)
    with pytest.raises(DataError, match="found the time unit PAL-frames"):
        read_coding(elan(tmp_path, tier("t", "micro"), units="PAL-frames"))


@pytest.mark.parametrize(
    ("first", "second"),
    [(("faces", 'ANNOTATOR="anna"'), ("more", 'ANNOTATOR="ben"')), (("anna", ""), ("ben's", ""))],
)
def test_what_two_coders_say_of_one_face_counts_once(tmp_path, first, second):
    path = elan(tmp_path, tier(first[0], "fear", first[1]),
                tier(second[0], "anger", second[1], key="a2"))  # fmt: skip
    with pytest.raises(DataError, match=r"twice what face 1 shows at 1\.00 s.*--coder.*anna, ben"):
        one_coder(path, read_coding(path), "")
    (found,) = one_coder(path, read_coding(path), "Ben").events
    assert found.class_name == "anger"
    with pytest.raises(ConfigError, match=r"'bena'.*anna, ben"):
        one_coder(path, read_coding(path), "bena")


def test_two_subjects_are_not_one_face(results, tmp_path):
    first = tier("one", "fear", 'PARTICIPANT="P01"')
    path = elan(tmp_path, first, tier("two", "macro", 'PARTICIPANT="P02"', key="a2"))
    with pytest.raises(DataError, match="'P01' and 'P02', who would all be face 1"):
        one_coder(path, read_coding(path), "")
    assert len(one_coder(path, read_coding(path), "P02").events) == 1
    path = elan(tmp_path, tier("person_1", "fear"), tier("person_2", "fear", key="a2"))
    assert {e.subject_id for e in one_coder(path, read_coding(path), "").events} == {1, 2}
    (path,) = export_events([results], ["boris"], tmp_path)
    project = json.loads(path.read_text("utf-8"))
    (observation,) = project["observations"].values()
    for row in observation["events"]:
        row[1] = "Mother 1" if row[2] == "macro" else row[1]
    path.write_text(json.dumps(project))
    with pytest.raises(DataError, match=r"'subject 1' and 'Mother 1', who would all be face 1"):
        one_coder(path, read_coding(path), "")


@pytest.mark.parametrize("name", ["GESPRÄCH%201.mkv", "Gespra%CC%88ch 1.mkv"])
def test_media_of_another_computer_are_found_by_their_name(results, tmp_path, name):
    path = elan(tmp_path, tier("t", "micro"), video=name)
    import_events([path], tmp_path / "truth.csv", notes=(notes := []))
    (video,) = read_truth_csv(tmp_path / "truth.csv")
    assert video.path.samefile(tmp_path / "Gespräch 1.mkv")
    assert len(notes) == 1 and "was taken for it" in notes[0]


def test_boris_on_windows_and_with_another_clock(results, tmp_path):
    (path,) = export_events([results], ["boris"], tmp_path)
    project = json.loads(path.read_text("utf-8"))
    (observation,) = project["observations"].values()
    observation["file"]["1"] = ["D:\\videos\\Gespräch 1.mkv"]
    path.write_text(json.dumps(project))
    assert import_events([path], tmp_path / "truth.csv", notes=(notes := [])) == (2,) and notes
    observation["time offset"] = 3600.0
    path.write_text(json.dumps(project))
    with pytest.raises(DataError, match=r"time offset 3600\.0 s"):
        read_coding(path)
    observation |= {"time offset": 0, "type": "IMAGES"}
    path.write_text(json.dumps(project))
    with pytest.raises(DataError, match="observation of type IMAGES"):
        read_coding(path)
    observation["type"] = "MEDIA"
    observation["media_info"]["offset"]["1"] = 2.5
    path.write_text(json.dumps(project))
    with pytest.raises(DataError, match=r"time offset 2\.5 s"):
        read_coding(path)
    observation["file"]["1"] *= 2
    path.write_text(json.dumps(project))
    with pytest.raises(DataError, match="found 2 media files one after another"):
        read_coding(path)


def test_two_videos_of_the_name_of_a_file_are_no_guess(results, tmp_path):
    (path,) = export_events([results], ["vtt"], tmp_path)
    shutil.copy(tmp_path / "Gespräch 1.mkv", tmp_path / "Gespräch 1.mp4")
    with pytest.raises(DataError, match=r"may be about Gespräch 1\.mkv and Gespräch 1\.mp4"):
        import_events([path], tmp_path / "truth.csv")


def test_states_of_boris_have_ends_and_points_are_no_states(results, tmp_path):
    (path,) = export_events([results], ["boris"], tmp_path)
    project = json.loads(path.read_text("utf-8"))
    project["behaviors_conf"]["9"] = {"code": "blink", "type": "Point event"}
    (observation,) = project["observations"].values()
    observation["events"] += [[at_s, "subject 1", "blink", "", "", -1] for at_s in (0.5, 1.5)]
    path.write_text(json.dumps(project))
    assert [one.kind for one in read_coding(path).events] == ["micro", "macro"]
    observation["events"].append([7.0, "subject 1", "macro", "", "", -1])
    path.write_text(json.dumps(project))
    with pytest.raises(DataError, match=r"'macro' of subject 1 begins at 7\.0 s without end"):
        read_coding(path)


def test_a_video_whose_name_is_no_text_is_exported(tmp_path):
    for form in map(EVENT_FORMATS.__getitem__, EVENT_FORMATS):
        path = tmp_path / f"odd{form.suffix}"
        form.write(path, Coding(video="/v/t\udce4lk.mp4", duration_s=1.0))
        assert form.read(path).video in ("/v/t\udce4lk.mp4", ""), form.name


@pytest.mark.parametrize("name", sorted(EVENT_FORMATS))
def test_a_broken_file_is_one_clear_error(name, tmp_path):
    path = tmp_path / f"broken{EVENT_FORMATS[name].suffix}"
    with pytest.raises(DataError, match="broken"):
        import_events([path], tmp_path / "truth.csv")
    path.write_text("{}")
    with pytest.raises(DataError, match="broken"):
        import_events([path], tmp_path / "truth.csv")
    assert not (tmp_path / "truth.csv").exists()


def test_what_cannot_be_is_refused(results, tmp_path):
    with pytest.raises(ConfigError, match="eaf"):
        export_events([results], ["eaff"], tmp_path)
    with pytest.raises(DataError, match="no results"):
        export_events([tmp_path / "coding"], ["vtt"], tmp_path)
    (tmp_path / "notes.docx").touch()
    with pytest.raises(ConfigError, match="textgrid"):
        import_events([tmp_path / "notes.docx"], tmp_path / "truth.csv")
    (path,) = export_events([results], ["vtt"], tmp_path / "away")
    with pytest.raises(DataError, match="--video"):
        import_events([path], tmp_path / "truth.csv")


def test_without_the_package_the_extra_is_named(results, tmp_path):
    code = (
        "import importlib.util as u, sys; from pathlib import Path; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'pympi' else find(name, *a)\n"
        "from openmer.video import export_events\n"
        f"export_events([Path({str(results)!r})], sys.argv[1:], Path({str(tmp_path)!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "eaf"], capture_output=True, text=True, check=False
    )
    assert "openmer[coding]" in done.stderr


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ("00:01,000 --> 00:01,500", "expected 00:00:01.000 -->"),  # as SubRip writes it
        ("00:02.000 --> 00:01.500", r"from 2\.00 to 1\.50 s"),
        ("00:50.000 --> 00:51.000", "Give the video that was coded"),
        ("00:01.000 --> 00:01.500\nsubject 0: fear", "face 0; faces are numbered from 1"),
        (
            "00:01.000 --> 00:01.500\nx; apex 3.0\n\n00:02.000 --> 00:02.300",
            r"an apex of face 1 at 3\.0 s, in no event",
        ),
    ],
)
def test_times_that_no_video_has_are_refused(results, tmp_path, times, said):
    (tmp_path / "own.vtt").write_text(f"WEBVTT\n\nNOTE a --> b\n\n{times}\nmicro\n")
    video = tmp_path / "Gespräch 1.mkv"
    with pytest.raises(DataError, match=said):
        import_events([tmp_path / "own.vtt"], tmp_path / "truth.csv", video=video)
    assert not (tmp_path / "truth.csv").exists()


def test_tags_of_subtitles_are_no_words_and_what_is_said_twice_counts_once(results, tmp_path):
    cue = "00:01.000 --> 00:01.500\n<v Anna><i>fear</i></v>\n"  # no blank line behind it
    (tmp_path / "GESPRÄCH 1.vtt").write_text(f"WEBVTT\n\n{cue}{cue}", encoding="utf-8")
    assert import_events([tmp_path / "GESPRÄCH 1.vtt"], tmp_path / "truth.csv") == (1,)
    (video,) = read_truth_csv(tmp_path / "truth.csv")
    assert [event.emotion for event in video.events] == ["fear"]


def test_an_event_on_the_last_frame_stays_inside_of_the_video():
    event = event_from("micro", 9.99, 10.4)
    row = _row(event, np.arange(10) * 1.0)
    assert (row["onset"], row["offset"]) == (8, 9)


def test_one_video_is_coded_by_one_file(results, tmp_path):
    paths = export_events([results], ["vtt", "boris"], tmp_path)
    with pytest.raises(DataError, match="would count twice"):
        import_events(paths, tmp_path / "truth.csv")


@pytest.mark.parametrize(
    "times", [("NaN", "1.0", "2.0"), ("2.0", "1.0", "3.0"), ("0", "1", "1e300")]
)
def test_events_that_are_not_in_order_are_refused(results, tmp_path, times):
    shutil.copytree(results, tmp_path / "copy")
    path = next((tmp_path / "copy").rglob("events.json"))
    told = json.loads(path.read_text())
    told["events"][0] |= {
        f"{name}_s": float(at) for name, at in zip(("onset", "apex", "offset"), times, strict=True)
    }
    path.write_text(json.dumps(told))
    with pytest.raises(DataError, match=r"events\.json"):
        export_events([tmp_path / "copy"], ["textgrid"], tmp_path / "out")


def test_a_full_disk_is_named(results, tmp_path, monkeypatch):
    def write(*_):
        raise OSError(errno.ENOSPC, "No space left on device")  # of an open file, so without a name

    full = replace(EVENT_FORMATS["vtt"], write=write)
    monkeypatch.setitem(EVENT_FORMATS._found, "vtt", full)
    with pytest.raises(DataError, match=r"Gespräch 1\.vtt in .*: No space left"):
        export_events([results], ["vtt"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
