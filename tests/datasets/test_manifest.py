"""Own data without code: a CSV in, clips out, and every mistake named with its row."""

import csv
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from openmer.clip import Clip
from openmer.datasets import ids_to_check, list_frames, read_manifest
from openmer.datasets._manifest import read_with_notes, repair_manifest, write_manifest
from openmer.datasets._roots import headers_named
from openmer.errors import ConfigError, DataError

HEADER = "corpus,subject,clip,label,frames,onset,apex,offset,fps\n"
CROPPED = [("a", "cropped"), ("b", "Cropped"), ("c", "find"), ("d", "")]


def save_image(path: Path, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (4, 3)).save(path)


def save_frames(folder: Path, numbers=range(12)) -> None:
    for number in numbers:
        save_image(folder / f"img{number}.png")


def save_csv(folder: Path, text: str) -> Path:
    path = folder / "clips.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_becomes_a_clip(tmp_path):
    save_frames(tmp_path / "s06" / "a")
    path = save_csv(tmp_path, HEADER + "Lab,006,a,Joy,s06/a,1,5,10,29.97\n")
    (clip,) = read_manifest(path)
    assert (clip.corpus, clip.subject, clip.name, clip.emotion) == ("lab", "006", "a", "Joy")
    assert (clip.onset, clip.apex, clip.offset) == (1, 5, 10)
    assert clip.fps == Fraction(2997, 100)
    assert clip.frame_paths[9:11] == (
        tmp_path / "s06/a/img9.png",
        tmp_path / "s06/a/img10.png",
    )


def test_empty_cells_take_the_whole_recording(tmp_path):
    save_frames(tmp_path / "a")
    (clip,) = read_manifest(save_csv(tmp_path, HEADER + "lab,1,a,joy,a,,,,\n"))
    assert (clip.onset, clip.apex, clip.offset, clip.fps) == (0, None, 11, None)


@pytest.mark.parametrize(
    ("text", "fps"),
    [
        ("200", Fraction(200)),
        ("29.97", Fraction(2997, 100)),
        ("30000/1001", Fraction(30000, 1001)),
    ],
)
def test_fps_stays_exact(tmp_path, text, fps):
    save_frames(tmp_path / "a")
    (clip,) = read_manifest(save_csv(tmp_path, HEADER + f"lab,1,a,joy,a,0,1,2,{text}\n"))
    assert clip.fps == fps


@settings(deadline=None)
@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=8), st.integers(1, 7))
def test_frames_are_ordered_by_number_however_padded(tmp_path_factory, numbers, width):
    folder = tmp_path_factory.mktemp("frames")
    for number in numbers:
        (folder / f"a2_{number:0{width}}.jpg").touch()
    assert [int(path.stem.removeprefix("a2_")) for path in list_frames(folder)] == sorted(numbers)


def test_hidden_files_and_other_files_are_no_frames(tmp_path):
    save_frames(tmp_path / "a", range(2))
    (tmp_path / "a" / "._img7.png").touch()
    (tmp_path / "a" / "notes.txt").touch()
    assert len(list_frames(tmp_path / "a")) == 2


@pytest.mark.parametrize(
    ("names", "said"),
    [(["img1.png", "cover.png"], "cover.png has no number"), (["a1.png", "b01.png"], "number 1")],
)
def test_frames_whose_order_would_be_a_guess_are_refused(tmp_path, names, said):
    for name in names:
        save_image(tmp_path / name)
    with pytest.raises(DataError, match=said):
        list_frames(tmp_path)


def test_the_shape_of_the_released_flow_data_is_read(tmp_path):
    save_image(tmp_path / "flow" / "x.png", "RGB")
    path = save_csv(
        tmp_path, "dataset,subject,clip,label,flow_path\nsamm,006,006_1_2,positive,flow/x.png\n"
    )
    (clip,) = read_manifest(path)
    assert clip.key == "samm/006/006_1_2"
    assert clip.flow_path == tmp_path / "flow/x.png"
    assert clip.onset is None
    assert clip.frame_paths == ()


def test_a_byte_order_mark_and_blank_lines_do_not_matter(tmp_path):
    save_frames(tmp_path / "a")
    path = tmp_path / "clips.csv"
    path.write_text("\n".join([HEADER.strip(), "lab,1,a,joy,a,,,,", "", ",,,,,,,,"]), "utf-8-sig")
    assert len(read_manifest(path)) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("lab,,a,joy,a,,,,", "row 2: subject is empty"),
        ("lab,1,a,,a,,,,", "row 2: label is empty"),
        ("l/b,1,a,joy,a,,,,", "row 2: corpus 'l/b' holds a slash"),
        ("lab,1,a,joy,,,,,", "row 2: neither frames nor flow_path"),
        ("lab,1,a,joy,a,one,,,", "row 2: onset 'one' is not a whole number"),
        ("lab,1,a,joy,a,-1,,,", "row 2: onset '-1' is not a whole number"),
        ("lab,1,a,joy,a,5,5,9,", "row 2: onset '5', apex '5', offset '9'"),
        ("lab,1,a,joy,a,1,9,5,", "row 2: .*apex must not come after the offset"),
        ("lab,1,a,joy,a,9,,5,", "row 2: .*must come after the onset"),
        ("lab,1,a,joy,a,1,5,12,", "row 2: .*outside 0..11, the 12 images of 'a'"),
        ("lab,1,a,joy,a,0,1,2,fast", "row 2: fps 'fast'"),
        ("lab,1,a,joy,a,0,1,2,0", "row 2: fps '0'"),
        ("lab,1,a,joy,a,0,1,2,1/0", "row 2: fps '1/0'"),
        ("lab,1,a,joy,a,0,1,2,200,more", "row 2: more cells than columns, from 'more'"),
        ("lab,1,a,joy,empty,,,,", "row 2: .*holds 0 images"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, row, said):
    save_frames(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=said):
        read_manifest(save_csv(tmp_path, HEADER + row + "\n"))


def test_all_wrong_rows_are_reported_together(tmp_path):
    rows = "".join(f"lab,{i},a,,a,,,,\n" for i in range(7))
    with pytest.raises(DataError, match="7 wrong rows") as caught:
        read_manifest(save_csv(tmp_path, HEADER + rows))
    assert "row 6" in str(caught.value)
    assert "row 7" not in str(caught.value)


def test_missing_paths_are_counted_and_three_are_shown(tmp_path):
    rows = "".join(f"lab,{i},a,joy,gone{i},,,,\n" for i in range(5))
    with pytest.raises(DataError, match="names 5 paths that are not there") as caught:
        read_manifest(save_csv(tmp_path, HEADER + rows))
    assert "gone2" in str(caught.value)
    assert "gone3" not in str(caught.value)


def test_a_missing_flow_image_is_named(tmp_path):
    with pytest.raises(DataError, match=r"row 2: there is no flow image .*x\.png"):
        read_manifest(save_csv(tmp_path, "corpus,subject,clip,label,flow_path\nl,1,a,joy,x.png\n"))


def test_the_same_clip_twice_is_refused(tmp_path):
    save_frames(tmp_path / "a")
    rows = "lab,1,a,joy,a,,,,\nLAB,1,a,fear,a,,,,\n"
    with pytest.raises(DataError, match="row 3: clip 'lab/1/a' is already in row 2"):
        read_manifest(save_csv(tmp_path, HEADER + rows))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (HEADER, "no clips"),
        ("corpus,subjct,clip,label,frames\n", r"subject \(is 'subjct' meant\?\)"),
        ("corpus,subject,clip,label,frames,apx\n", r"apex \(is 'apx' meant\?\)"),
        ("corpus,subject,clip,label\n", "frames or flow_path"),
        ("corpus;subject;clip;labels;frames\n", "label .is 'labels' meant"),
        ("corpus,dataset,subject,clip,label,frames\n", "'corpus' more than once"),
    ],
)
def test_a_wrong_table_says_what_to_do(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read_manifest(save_csv(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.zip", b"PK\x03\x04...", "zip archive.*Unzip it"),
        ("a.xlsx", b"PK\x03\x04...", "Excel sheet.*Save it as CSV"),
        ("a.csv", b"\x89PNG\xff", "not UTF-8 text"),
    ],
)
def test_other_files_are_told_apart(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_manifest(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv, found nothing"):
        read_manifest(tmp_path / "none.csv")


def test_what_is_written_is_read_back(tmp_path):
    save_frames(tmp_path / "a", range(8, 14))
    save_image(tmp_path / "flow" / "b.png", "RGB")
    clips = (
        Clip(
            corpus="lab",
            subject="006",
            name="a, b",
            emotion="joy",
            onset=0,
            apex=3,
            offset=5,
            fps=Fraction(30000, 1001),
            frame_paths=list_frames(tmp_path / "a"),
        ),
        Clip(corpus="lab", subject="7", name="b", emotion="x", flow_path=tmp_path / "flow/b.png"),
    )
    write_manifest(tmp_path / "clips.csv", clips)
    assert read_manifest(tmp_path / "clips.csv") == clips
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "clips.csv", "flow"]


def test_a_clip_that_cannot_be_read_back_leaves_the_old_file(tmp_path):
    path = save_csv(tmp_path, "before")
    save_frames(tmp_path / "a")
    some = list_frames(tmp_path / "a")[:3]
    for wrong, said in [
        (Clip(corpus="l", subject="1", name="a", emotion="x"), "neither frames"),
        (Clip(corpus="l", subject="1", name="a", emotion="x", frame_paths=some), "not exactly"),
    ]:
        with pytest.raises(DataError, match=said):
            write_manifest(path, [wrong])
    assert path.read_text() == "before"


def test_a_missing_folder_is_made_and_a_file_in_its_place_is_told(tmp_path):
    write_manifest(tmp_path / "none" / "clips.csv", [])
    with pytest.raises(DataError, match="Choose another path"):
        write_manifest(tmp_path / "none" / "clips.csv" / "below.csv", [])


def test_pixels_are_never_read(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(3):
        np.zeros(1).tofile(tmp_path / "a" / f"{number}.jpg")
    assert len(read_manifest(save_csv(tmp_path, HEADER + "lab,1,a,joy,a,,,,\n"))) == 1


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "NA", "N/A", "None", "<NA>", " "])
def test_numbers_as_pandas_writes_them(tmp_path, empty):
    save_frames(tmp_path / "a")
    row = f"lab,1,a,joy,a,4.0,{empty},10.0,{empty}\n"
    (clip,) = read_manifest(save_csv(tmp_path, HEADER + row))
    assert (clip.onset, clip.apex, clip.offset, clip.fps) == (4, None, 10, None)


@pytest.mark.parametrize("number", ["4.5", "1e1", "-1", "0x3", "9" * 40, "4,0"])
def test_what_is_no_whole_number_stays_an_error(tmp_path, number):
    save_frames(tmp_path / "a")
    with pytest.raises(DataError, match="row 2"):
        read_manifest(save_csv(tmp_path, HEADER + f'lab,1,a,joy,a,"{number}",,10,\n'))


@pytest.mark.parametrize("fps", ["1e40000000", "1e99", "9" * 10**5, "200001", "1/0", "inf", "0"])
def test_no_rate_costs_time(tmp_path, fps):
    save_frames(tmp_path / "a")
    with pytest.raises(DataError, match=r"row 2: fps .* is not a rate") as caught:
        read_manifest(save_csv(tmp_path, HEADER + f"lab,1,a,joy,a,1,5,10,{fps}\n"))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_as_spreadsheets_save_them(tmp_path, separator, stated, encoding):
    save_frames(tmp_path / "a")
    text = HEADER + "lab,1,a,joy,a,1,5,10,200\n" + "lab,1,b,joy,a,x,5,10,200\n"
    text = (f"sep={separator}\r\n" if stated else "") + text.replace(",", separator)
    path = tmp_path / "clips.csv"
    path.write_bytes(text.replace("x", "2").encode(encoding))
    assert len(read_manifest(path)) == 2
    path.write_bytes(text.encode(encoding))
    with pytest.raises(DataError, match=f"row {4 if stated else 3}: onset"):
        read_manifest(path)


@pytest.mark.parametrize("written", ["FRAMES/S1/ep01", "frames\\s1\\ep01", "frames/s1/EP01"])
def test_names_of_another_system_are_found_where_one_fits(tmp_path, written):
    save_frames(tmp_path / "frames" / "s1" / "ep01")
    (clip,) = read_manifest(save_csv(tmp_path, HEADER + f"lab,1,a,joy,{written},1,5,10,\n"))
    assert clip.frame_paths[0] == tmp_path / "frames" / "s1" / "ep01" / "img0.png"


def test_unicode_forms_of_a_name_are_found(tmp_path):
    save_frames(tmp_path / "Zo\u00eb")
    (clip,) = read_manifest(save_csv(tmp_path, HEADER + "lab,1,a,joy,Zoe\u0308,1,5,10,\n"))
    assert clip.frame_paths[0].parent.is_dir()


def test_two_names_that_fit_are_no_guess_and_the_near_one_is_named(tmp_path):
    save_frames(tmp_path / "ep01")
    save_frames(tmp_path / "EP01")
    for written, near in (("Ep01", "01 does"), ("ep012", "ep01 does")):
        with pytest.raises(DataError, match=near):
            read_manifest(save_csv(tmp_path, HEADER + f"lab,1,a,joy,{written},1,5,10,\n"))


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".avif", ".pgm", ".jp2", ".TGA"])
def test_every_image_type_that_is_read_is_a_frame(tmp_path, suffix):
    save_frames(tmp_path / "a")
    (tmp_path / "a" / f"img12{suffix}").touch()
    assert len(list_frames(tmp_path / "a")) == 13


@pytest.mark.parametrize(
    "name",
    [
        "img5.heic",
        "img5",
        "img5.png.part",
        "img5.png~",
        "img5.txt",
        "link.png",
        "pipe.jpg",
        "d.png",
    ],
)
def test_what_is_no_image_never_shifts_the_frames_after_it(tmp_path, name):
    folder = tmp_path / "a"
    save_frames(folder)
    (folder / "img5.png").unlink()
    match name:
        case "link.png":
            (folder / name).symlink_to("nothing")
        case "pipe.jpg":
            os.mkfifo(folder / name)
        case "d.png":
            (folder / name).mkdir()
        case _:
            (folder / name).touch()
    path = save_csv(tmp_path, HEADER + "lab,1,a,joy,a,1,6,10,\n")
    with pytest.raises(DataError, match=rf"row 2: .*{name}.* (is|has) .*move it away"):
        read_manifest(path)
    (folder / name).rmdir() if name == "d.png" else (folder / name).unlink()
    assert "1 folders lack frames, such as a, where img6.png follows img4.png" in notes_of(path)
    save_image(folder / "img5.png")
    (folder / "img5.txt").touch()  # landmarks of a frame that is there
    assert len(list_frames(folder)) == 12
    assert not notes_of(path)


def notes_of(path):
    """What is said of a manifest, as one text."""
    return "; ".join(read_with_notes(path)[1])


@pytest.mark.parametrize(
    ("stated", "subjects"),
    [
        (
            ["lab/2", "", "", ""],
            ["lab/2", "lab/2", "lab/2", "lab/3"],
        ),
        (["lab/2", "", "LAB/3", ""], ["lab/3"] * 4),
        (["lab/2", "", "lab/1", ""], ["lab/2", "lab/2", "lab/2", "lab/3"]),  # a circle
        (["lab/2", "lab/3", "", ""], ["lab/3"] * 4),
        (["lab/1", "", "lab/9", ""], ["lab/1", "lab/1", "lab/9", "lab/3"]),
    ],
)
def test_a_subject_that_is_joined_is_joined_whole(tmp_path, stated, subjects):
    save_frames(tmp_path / "a")
    owns = zip(("1", "1", "2", "3"), "abcd", stated, strict=True)
    rows = [f"lab,{subject},{name},joy,a,1,5,10,,{other}\n" for subject, name, other in owns]
    header = HEADER.replace("\n", ",same_subject_as\n")
    clips = read_manifest(save_csv(tmp_path, header + "".join(rows)))
    assert [len({c.subject_id for c in clips}), clips[0].subject_id == clips[1].subject_id] == [
        len(set(subjects)),
        True,
    ]
    assert [clip.subject_id for clip in clips] == subjects
    lost = "lab/9 is said to be a subject of these clips, and has none"
    assert ("lab/9" in stated) == any(lost in text for text in ids_to_check(clips))


@pytest.mark.parametrize("stated", ["zzz", "lab/", "/2", "lab/2/c"])
def test_an_id_that_names_no_subject_is_refused(tmp_path, stated):
    save_frames(tmp_path / "a")
    text = HEADER.replace("\n", ",same_subject_as\n") + f"lab,1,a,joy,a,1,5,10,,{stated}\n"
    with pytest.raises(DataError, match=r"row 2: same_subject_as .* is no id of a subject"):
        read_manifest(save_csv(tmp_path, text))


def test_what_pandas_writes_for_nothing_is_no_subject(tmp_path):
    save_frames(tmp_path / "a")
    for word in ("nan", "NaN", "<NA>"):
        with pytest.raises(DataError, match="row 2: subject is empty"):
            read_manifest(save_csv(tmp_path, HEADER + f"lab,{word},a,joy,a,1,5,10,{word}\n"))


def test_marks_that_nobody_sees_do_not_rename_a_column(tmp_path):
    save_frames(tmp_path / "a")
    header = "\ufeff\ufeff" + HEADER.replace("subject", "\u00a0subject\u200b")
    text = header + "lab,1,a,joy,a,1,5,10,,,,\n"  # and empty cells behind the last column
    assert read_manifest(save_csv(tmp_path, text))[0].subject_id == "lab/1"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["img1.png", "mask2.png", "img3.png"], "mask2.png comes before img3.png"),
        (["0.01.900.png", "0.02.100.png", "0.03.500.png"], "0.03.500.png comes before 0.01.900"),
        (["img1.png", "2.png"], "img1.png comes before 2.png"),
    ],
)
def test_two_series_in_one_folder_are_refused(tmp_path, names, said):
    for name in names:
        save_image(tmp_path / "a" / name)
    with pytest.raises(DataError, match=said):
        list_frames(tmp_path / "a")
    for at, name in enumerate(names):
        (tmp_path / "a" / name).rename(tmp_path / "a" / f"s15_0{at}_img{at}.png")
    assert len(list_frames(tmp_path / "a")) == len(names)


def test_a_column_settles_that_two_ids_are_one_subject(tmp_path):
    save_frames(tmp_path / "a")
    header = HEADER.replace("\n", ",same_subject_as\n")
    rows = "lab,s06,a,joy,a,1,5,10,200,\nlab,S06,b,joy,a,1,5,10,200,lab/s06\n"
    clips = read_manifest(save_csv(tmp_path, header + rows))
    assert {clip.subject_id for clip in clips} == {"lab/s06"}
    assert [clip.key for clip in clips] == ["lab/s06/a", "lab/S06/b"]
    write_manifest(tmp_path / "again.csv", clips)
    assert read_manifest(tmp_path / "again.csv") == clips


def test_a_manifest_is_repaired_and_every_change_is_listed(tmp_path):
    save_frames(tmp_path / "frames" / "a")
    text = HEADER + "Lab,006,a,Joy,frames\\a,4.0,nan,10.0,29.97\nlab,006,b,joy,frames/a,1,5,,\n"
    path = save_csv(tmp_path, text)
    out = tmp_path / "new" / "fixed.csv"
    out.parent.mkdir()
    changes = repair_manifest(path, out)
    assert changes == (
        "row 2: corpus 'Lab' is now 'lab'",
        "row 2: frames 'frames\\\\a' is now '../frames/a'",
        "row 2: onset '4.0' is now '4'",
        "row 2: apex 'nan' is now ''",
        "row 2: offset '10.0' is now '10'",
        "row 2: fps '29.97' is now '2997/100'",
        "row 3: frames 'frames/a' is now '../frames/a'",
        "row 3: offset '' is now '11'",
    )
    kept = [(c.key, c.onset, c.apex, c.offset, c.fps) for c in read_manifest(path)]
    assert [(c.key, c.onset, c.apex, c.offset, c.fps) for c in read_manifest(out)] == kept
    assert repair_manifest(out, out) == ()
    path.write_text(text.replace("frames/a", "frames/z"), encoding="utf-8")
    with pytest.raises(DataError, match="frames folder"):
        repair_manifest(path, tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()


def test_a_repaired_manifest_keeps_what_is_not_ours(tmp_path):
    save_frames(tmp_path / "a")
    path = tmp_path / "clips.csv"
    path.write_text(
        "\nNote;Dataset;Who;Subject;clip;label;;frames;Rater 2\n"
        "n1;lab;s1;7;a;joy; x ;a;3,5\n"
        'n2;lab;s2;8;b;joy;;a;"two ""q"""\n',
        encoding="utf-8",
    )
    out = tmp_path / "out.csv"
    with headers_named(["subject=Who"]):
        changes = repair_manifest(path, out)
    assert changes[:3] == (
        "column 'Dataset' is now 'corpus'",
        "column 'Who' is now 'subject'",
        "column 'Subject' is now 'subject (not used)'",
    )
    with out.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    kept = ("Note", "subject (not used)", "", "Rater 2")
    assert [first[name] for name in kept] == ["n1", "7", " x ", "3,5"]
    assert [second[name] for name in kept] == ["n2", "8", "", 'two "q"']
    assert [clip.subject for clip in read_manifest(out)] == ["s1", "s2"]
    with pytest.raises(DataError, match=r"out\.csv is there already.*Move it away, or write to"):
        repair_manifest(path, out)


@pytest.mark.parametrize("frames", ["still", "still/apex.png", "STILL\\apex.png"])
@pytest.mark.parametrize("moments", [",,", "0,0,0", ",0,", "0.0,nan,NA"])
def test_an_image_alone_is_an_apex_without_a_movement(tmp_path, frames, moments):
    save_image(tmp_path / "still" / "apex.png")
    path = save_csv(tmp_path, HEADER + f"lab,1,a,joy,{frames},{moments},\n")
    (clip,) = read_manifest(path)
    assert clip.apex_only
    assert (clip.onset, clip.apex, clip.offset) == (None, 0, None)
    assert clip.frame_paths == (tmp_path / "still" / "apex.png",)
    save_image(tmp_path / "still" / "other.png")
    write_manifest(tmp_path / "again.csv", [clip])
    assert read_manifest(tmp_path / "again.csv") == (clip,)


@pytest.mark.parametrize("moments", ["1,,", ",3,", "0,1,2", ",,9"])
def test_an_image_alone_has_no_second_frame(tmp_path, moments):
    save_image(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"row 2: .*(outside 0\.\.0|an apex alone)"):
        read_manifest(save_csv(tmp_path, HEADER + f"lab,1,a,joy,a.png,{moments},\n"))


def test_a_column_says_that_frames_are_cropped_faces(tmp_path):
    save_frames(tmp_path / "a")
    header = HEADER.replace("\n", ",faces\n")
    rows = [f"lab,1,{name},joy,a,1,5,10,,{said}\n" for name, said in CROPPED]
    clips = read_manifest(save_csv(tmp_path, header + "".join(rows)))
    assert [clip.cropped for clip in clips] == [True, True, False, False]
    write_manifest(tmp_path / "again.csv", clips)
    assert read_manifest(tmp_path / "again.csv") == clips
    with pytest.raises(DataError, match="row 2: faces 'tight' is not known; write cropped"):
        read_manifest(save_csv(tmp_path, header + "lab,1,a,joy,a,1,5,10,,tight\n"))


@pytest.mark.parametrize(
    ("subjects", "read"),
    [
        (["s1", "", "", "S2", ""], ["s1", "s1", "s1", "S2", "S2"]),
        (["s1", "", "s2", "s2", ""], None),  # each row names its own; one was forgotten
        (["s1", "s2", "", "s3", "s4"], None),
        (["", "s1", "", "s2", ""], None),
    ],
)
def test_a_subject_that_stands_once_is_that_of_the_rows_below(tmp_path, subjects, read):
    save_frames(tmp_path / "a")
    rows = [f"lab,{subject},c{i},joy,a,,,,\n" for i, subject in enumerate(subjects)]
    path = save_csv(tmp_path, HEADER + "".join(rows))
    if read is None:
        with pytest.raises(DataError, match=r"subject is empty.* first of its rows alone"):
            read_manifest(path)
        return
    clips, notes = read_with_notes(path)
    assert [clip.subject for clip in clips] == read
    assert notes == ("3 rows without a subject were taken as of the one above",)
    changes = repair_manifest(path, tmp_path / "whole.csv")
    assert "row 3: subject '' is now 's1'" in changes
    assert read_with_notes(tmp_path / "whole.csv")[1] == ()


def test_a_subject_is_not_taken_from_another_corpus(tmp_path):
    save_frames(tmp_path / "a")
    rows = "one,s1,a,joy,a,,,,\none,,b,joy,a,,,,\ntwo,,c,joy,a,,,,\n"
    with pytest.raises(DataError, match=r"row 3: subject is empty.*row 4: subject is empty"):
        read_manifest(save_csv(tmp_path, HEADER + rows))


def test_paths_that_are_spelt_otherwise_are_noted(tmp_path):
    save_frames(tmp_path / "EP12_01f")
    path = save_csv(tmp_path, HEADER + "lab,1,a,joy,EP12_01F,,,,\n")
    (note,) = read_with_notes(path)[1]
    assert note == "1 paths are spelt otherwise on disk, such as EP12_01f, written as 'EP12_01F'"


@pytest.mark.parametrize("separator", [",", ";"])
def test_headers_that_the_user_names(tmp_path, separator):
    save_frames(tmp_path / "a")
    cells = ["corpus,被试,clip,label,情绪,frames", "lab,s1,c,no,joy,a"]
    path = save_csv(tmp_path, "\n".join(line.replace(",", separator) for line in cells))
    with pytest.raises(DataError, match="lacks the column subject"):
        read_manifest(path)
    with headers_named(["subject=被试", "manifest.label=情绪"]):
        (clip,) = read_manifest(path)
    assert (clip.subject, clip.emotion) == ("s1", "joy")


@pytest.mark.parametrize(
    ("option", "kind", "said"),
    [
        ("subject", ConfigError, "expected \\[CORPUS.\\]COLUMN=HEADER"),
        ("subject=", ConfigError, "expected \\[CORPUS.\\]COLUMN=HEADER"),
        ("subjet=Who", ConfigError, "Did you mean 'subject'"),
        ("samm.subject=Who", ConfigError, "a column of 'samm', but what was read is manifest"),
        ("label=Emotion", DataError, "no column 'Emotion', which --column names for label"),
    ],
)
def test_a_header_that_cannot_be_is_named(tmp_path, option, kind, said):
    save_frames(tmp_path / "a")
    path = save_csv(tmp_path, HEADER + "lab,1,a,joy,a,,,,\n")
    with pytest.raises(kind, match=said), headers_named([option]):
        read_manifest(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('lab,1,a,"joy,a,,,,\nlab,2,a,joy,a,,,,\n', "a quote that is not closed in row 2"),
        ('lab,1,a,"jo\ny",a,,,,\n', r"label 'jo\\ny' holds a line break"),
        ("lab,\x1b[31m1,a,joy,a,,,,\n", r"subject '\\x1b\[31m1' holds .* a control character"),
        ("lab,\u200b,a,joy,a,,,,\n", "subject is empty"),
        ("lab,1\0,a,joy,a,,,,\n", "is not UTF-8 text"),
        ("lab,1,a,joy,clips.csv,,,,\n", r"no frames folder .* \(it is a file\)"),
        (f"lab,1,a,joy,{'a' * 300},,,,\n", "row 2: a path cannot be looked up"),
        ("lab,1,a,joy,a,,,,1e-30\n", "fps '1e-30' is not a rate"),
    ],
)
def test_what_no_cell_may_hold_is_named(tmp_path, text, said):
    save_frames(tmp_path / "a")
    with pytest.raises(DataError, match=said):
        read_manifest(save_csv(tmp_path, HEADER + text))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32"])
def test_other_encodings_are_said(tmp_path, encoding):
    path = tmp_path / "clips.csv"
    path.write_bytes((HEADER + "lab,1,a,joy,a,,,,\n").encode(encoding))
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_manifest(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have names on Unix only")
def test_what_is_no_table_is_called_by_its_kind(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "lost.csv").symlink_to("nothing")
    for name, kind in (("pipe.csv", "a pipe or device"), ("lost.csv", "a link to nothing")):
        with pytest.raises(DataError, match=f"found {kind}"):
            read_manifest(tmp_path / name)


def test_na_of_r_is_an_empty_cell(tmp_path):
    save_frames(tmp_path / "a")
    header = '"","corpus","subject","clip","label","frames","apex","fps","flow_path","faces"\n'
    row = '"1","lab","NA","a","joy","a",NA,NA,NA,NA\n'
    (clip,) = read_manifest(save_csv(tmp_path, header + row))
    assert (clip.subject, clip.apex, clip.fps, clip.flow_path) == ("NA", None, None, None)


@pytest.mark.parametrize(
    "header", ["OnsetFrame", "apex_f", "Offset Frame", "frame rate", "start", "peak", "FACS"]
)
def test_a_column_of_another_name_is_not_ignored(tmp_path, header):
    save_frames(tmp_path / "a")
    path = save_csv(tmp_path, f"corpus,subject,clip,label,frames,{header}\nlab,1,a,joy,a,4\n")
    with pytest.raises(DataError, match=rf"is '{header.lower()}' meant"):
        read_manifest(path)


def test_a_frame_that_is_in_the_cloud_only_is_named_in_one_sentence(tmp_path):
    save_frames(tmp_path / "a")
    (tmp_path / "a" / "img12.png").touch()
    (tmp_path / "a" / "img12.png").rename(tmp_path / "a" / ".img12.png.icloud")
    with pytest.raises(DataError, match=r"\.img12\.png\.icloud .* Download it\. Correct them\."):
        read_manifest(save_csv(tmp_path, HEADER + "lab,1,a,joy,a,,,,\n"))
