"""The truth about long videos: of corpora that are faked, and of one's own in a table."""

import shutil
from fractions import Fraction

import openpyxl
import pytest

from openmer import datasets
from openmer.datasets import AnnotatedVideo, read_long_videos, read_truth_csv
from openmer.datasets._true_events import TrueEvent
from openmer.datasets.fakes import write_fake
from openmer.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def casme(tmp_path_factory):
    return write_fake("casme_squared", tmp_path_factory.mktemp("fake") / "casme")


@pytest.fixture(scope="module")
def samm(tmp_path_factory):
    return write_fake("samm_long", tmp_path_factory.mktemp("fake") / "samm")


def numbers(video):
    """The number in the name of each frame."""
    return [int(path.stem.rpartition("_")[2].removeprefix("img")) for path in video.frame_paths]


def edit(path, change):
    book = openpyxl.load_workbook(path)
    change(book[book.sheetnames[0]])
    book.save(path)
    book.close()


def texts(found):
    return [str(problem) for problem in found.problems]


class TestCasmeSquared:
    def test_both_kinds_are_read_at_their_place_in_the_video(self, casme):
        videos = read_long_videos("casme_squared", casme).videos
        events = [(video, event) for video in videos for event in video.events]
        assert {event.kind for _, event in events} == {"micro", "macro"}
        sheet = openpyxl.load_workbook(casme / "CAS(ME)^2code_final(Updated).xlsx")
        rows = [row for row in sheet["CASFEcode_final"].iter_rows(values_only=True) if any(row)]
        sheet.close()
        told = sorted((row[7].partition("-")[0], row[2], row[4] or row[3]) for row in rows)
        read = sorted(
            (event.kind, numbers(video)[event.onset], numbers(video)[event.offset])
            for video, event in events
        )
        assert read == told
        assert {event.emotion for _, event in events} <= {
            "negative", "positive", "surprise", "others",
        }  # fmt: skip

    def test_a_video_is_one_whatever_the_kinds_in_it(self, casme):
        videos = read_long_videos("casme_squared", casme).videos
        folders = [path for path in (casme / "rawpic").glob("*/*") if path.is_dir()]
        assert sorted(video.path for video in videos) == sorted(folders)
        for video in videos:
            assert video.frames == len(video.frame_paths) == len(list(video.path.iterdir()))
            assert video.name == video.path.name
            assert video.key == f"casme_squared/{video.path.parent.name}/{video.name}"
            assert video.fps == 30
            assert video.duration_s == pytest.approx(video.frames / 30)
            onsets = [event.onset for event in video.events]
            assert onsets == sorted(onsets)

    def test_a_video_without_an_event_is_read(self, casme, tmp_path):
        root = shutil.copytree(casme, tmp_path / "casme")
        whole = read_long_videos("casme_squared", root)
        some = whole.videos[0]
        for name in ("s15/15_0999nothing", "s99/99_0999nothing"):
            shutil.copytree(some.path, root / "rawpic" / name)
        (root / "rawpic" / "s15" / "15_empty").mkdir()
        (root / "rawpic" / "notes").mkdir()
        found = read_long_videos("casme_squared", root)
        quiet = [video for video in found.videos if not video.events]
        assert [video.key for video in quiet] == [
            "casme_squared/s15/15_0999nothing",
            "casme_squared/s99/99_0999nothing",
        ]
        assert quiet[0].frames == some.frames
        assert len(found.videos) == len(whole.videos) + 2

    def test_the_number_of_videos_is_checked(self, casme):
        found = read_long_videos("casme_squared", casme)
        expected = f"casme_squared: {len(found.videos)} long videos, expected 87 or 98"
        assert expected in texts(found)
        assert any("micro" in text or "57" in text for text in texts(found))
        assert len(set(texts(found))) == len(texts(found))

    def test_an_offset_that_is_not_known_is_the_apex(self, casme):
        found = read_long_videos("casme_squared", casme)
        assert any("offset '0'" in text and "taken as the apex" in text for text in texts(found))

    def test_an_event_without_apex_and_offset_is_left_out_and_said(self, casme, tmp_path):
        root = shutil.copytree(casme, tmp_path / "casme")
        before = read_long_videos("casme_squared", root)

        def forget(sheet):
            sheet.cell(2, 4).value = sheet.cell(2, 5).value = 0

        edit(root / "CAS(ME)^2code_final(Updated).xlsx", forget)
        after = read_long_videos("casme_squared", root)
        events = [sum(len(video.events) for video in f.videos) for f in (before, after)]
        assert events[1] == events[0] - 1
        assert any("the offset is not known" in text for text in texts(after))
        assert len(after.videos) == len(before.videos)

    def test_another_form_of_the_frames(self, casme):
        video = read_long_videos("casme_squared", casme, frames="cropped").videos[0]
        assert "cropped" in video.path.parts

    def test_one_of_its_kinds_alone_is_refused(self, casme):
        with pytest.raises(ConfigError, match="evaluated on all"):
            read_long_videos("casme_squared", casme, variant="micro")


class TestSammLong:
    def test_kinds_come_from_the_word_and_no_emotion_is_made_up(self, samm):
        videos = read_long_videos("samm_long", samm).videos
        clips = datasets.load_clips("samm_long", samm)
        events = [event for video in videos for event in video.events]
        assert len(events) == len(clips)
        kinds = [event.kind for event in events]
        assert kinds.count("macro") == sum(clip.emotion == "Macro" for clip in clips)
        assert {event.emotion for event in events} == {""}
        assert all(event.onset < event.apex < event.offset for event in events)

    def test_movements_of_one_video_share_its_frames(self, samm):
        videos = read_long_videos("samm_long", samm).videos
        assert [video.key for video in videos] == [
            f"samm_long/{n:03}/{n:03}_1" for n in range(6, 6 + len(videos))
        ]
        assert max(len(video.events) for video in videos) > 1
        assert all(video.fps == 200 for video in videos)
        assert all(numbers(video) == sorted(numbers(video)) for video in videos)

    def test_a_video_without_an_event(self, samm, tmp_path):
        root = shutil.copytree(samm, tmp_path / "samm")
        shutil.copytree(root / "006_1", root / "006_7")
        (root / "006_7" / "note.jpg").touch()
        shutil.copytree(root / "006_1", root / "031_2")
        (root / "thumbnails").mkdir()
        found = read_long_videos("samm_long", root)
        quiet = [video.key for video in found.videos if not video.events]
        assert quiet == ["samm_long/031/031_2"]
        assert any(text.startswith("samm_long/006/006_7: ") for text in texts(found))

    def test_a_clip_that_was_cut_out_is_no_long_video(self, samm, tmp_path):
        root = shutil.copytree(samm, tmp_path / "samm")
        shutil.copytree(root / "006_1", root / "006_1_1")
        assert any("no long video" in text for text in texts(read_long_videos("samm_long", root)))
        assert not any(
            "no long video" in text for text in texts(read_long_videos("samm_long", samm))
        )

    def test_another_word_is_left_out(self, samm, tmp_path):
        root = shutil.copytree(samm, tmp_path / "samm")
        book = root / "SAMM_LongVideos_V3_Release.xlsx"
        edit(book, lambda sheet: sheet.cell(12, 8, "Blink"))
        found = read_long_videos("samm_long", root)
        assert any("'Blink' is neither micro nor macro" in text for text in texts(found))

    def test_the_version_of_the_sheet(self, samm):
        with pytest.raises(DataError, match="V1"):
            read_long_videos("samm_long", samm, variant="V1")


class TestSmicLong:
    def test_every_movement_is_micro_and_a_video_may_hold_two(self, tmp_path):
        videos = read_long_videos("smic_long", write_fake("smic_long", tmp_path / "s")).videos
        assert {event.kind for video in videos for event in video.events} == {"micro"}
        assert sorted(len(video.events) for video in videos) == [1] * (len(videos) - 1) + [2]
        assert {video.fps for video in videos} == {Fraction(100)}
        first = next(video for video in videos if len(video.events) == 2)
        assert first.events[0].offset < first.events[1].onset < first.frames

    def test_a_video_without_a_row_holds_nothing(self, tmp_path):
        root = write_fake("smic_long", tmp_path / "s")
        folder = next(root.glob("HS_long/SMIC_HS_E/s01/*"))
        shutil.copytree(folder, folder.with_name("s1_ne_99"))
        videos = read_long_videos("smic_long", root).videos
        assert [video.name for video in videos if not video.events] == ["s1_ne_99"]


class TestRefused:
    def test_a_corpus_without_long_videos(self, tmp_path):
        with pytest.raises(ConfigError, match=r"corpus of long videos 'casme2'.*casme_squared"):
            read_long_videos("casme2", tmp_path)

    def test_names_alone(self, samm):
        with pytest.raises(ConfigError, match="Without frames"):
            read_long_videos("samm_long", samm, frames="none")

    def test_a_copy_without_any_frames(self, samm, tmp_path):
        shutil.copy(samm / "SAMM_LongVideos_V3_Release.xlsx", tmp_path)
        with pytest.raises(DataError, match="No event of a long video of SAMM Long Videos"):
            read_long_videos("samm_long", tmp_path)


HEADER = "video,subject_id,subject,kind,onset,apex,offset,class,action_units,fps"


def table(folder, *rows, header=HEADER, files=("a.mp4", "b.mp4", "c.mp4")):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    path = folder / "truth.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


class TestOwnTable:
    def test_events_of_listed_videos(self, tmp_path):
        path = table(
            tmp_path,
            "a.mp4,1,s1,macro,100,120,160,positive,12+6,30000/1001",
            "a.mp4,1,s1,micro,30,35,42,negative,4,30000/1001",
            "b.mp4,,s2,MICRO,5,,9,,,",
            "c.mp4,1,s2,,,,,,,25",
        )
        first, second, third = read_truth_csv(path)
        assert first == AnnotatedVideo(
            subjects=("s1",),
            name="a.mp4",
            fps=Fraction(30000, 1001),
            path=tmp_path / "a.mp4",
            events=(
                TrueEvent(
                    kind="micro", onset=30, apex=35, offset=42, emotion="negative", action_units="4"
                ),
                TrueEvent(
                    kind="macro", onset=100, apex=120, offset=160, emotion="positive",
                    action_units="12+6",
                ),
            ),
        )  # fmt: skip
        assert first.key == "a.mp4"
        assert second.events == (TrueEvent(kind="micro", onset=5, offset=9),)
        assert (third.events, third.subjects, third.fps) == ((), ("s2",), 25)
        assert first.duration_s is None

    def test_files_without_a_row_are_videos_without_an_event(self, tmp_path):
        files = ("clips/a.mp4", "clips/quiet.MOV", "clips/notes.txt", "clips/.hidden.mp4", "z.mkv")
        path = table(tmp_path, "clips/a.mp4,1,s1,micro,1,2,9,,,", files=(*files, "other/y.mp4"))
        videos = read_truth_csv(path)
        assert [video.key for video in videos] == ["clips/a.mp4", "z.mkv", "clips/quiet.MOV"]
        assert [video.events for video in videos[1:]] == [(), ()]
        assert videos[1].subject_ids == ("z.mkv",)

    def test_a_link_is_no_second_video(self, tmp_path):
        path = table(tmp_path, "a.mp4,1,s1,micro,1,2,9,,,", files=("a.mp4",))
        (tmp_path / "quiet.mp4").symlink_to("a.mp4")
        (tmp_path / "z.mp4").touch()
        (tmp_path / "zz.mp4").hardlink_to(tmp_path / "z.mp4")
        assert [video.key for video in read_truth_csv(path)] == ["a.mp4", "z.mp4"]
        path = table(tmp_path, "a.mp4,1,s1,micro,1,2,9,,,", "quiet.mp4,1,s2,micro,1,2,9,,,")
        with pytest.raises(DataError, match=r"under two names: .*a\.mp4 and .*quiet\.mp4"):
            read_truth_csv(path)

    @pytest.mark.parametrize(("name", "noted"), [(".\\a.mp4", 1), ("A.MP4", 1), ("./a.mp4", 0)])
    def test_another_spelling_of_a_video_and_of_nothing(self, tmp_path, name, noted):
        path = table(tmp_path, f"{name},nan,nan,nan,nan,NA,nan,nan,nan,", files=("a.mp4",))
        (video,) = read_truth_csv(path, notes := [])
        assert (video.key, video.subjects, video.events) == ("a.mp4", ("a.mp4",), ())
        assert len(notes) == noted

    def test_two_faces_in_a_video(self, tmp_path):
        path = table(tmp_path, "a.mp4,2,s2,micro,1,2,9,,,", "a.mp4,1,s1,micro,1,2,9,,,")
        video = read_truth_csv(path)[0]
        assert {event.subject_id for event in video.events} == {1, 2}
        assert set(video.subject_ids) == {"s1", "s2"}

    def test_the_fewest_columns(self, tmp_path):
        path = table(tmp_path, "./a.mp4,micro,3,9", header="video,kind,onset,offset")
        (video, *_) = read_truth_csv(path)
        assert (video.key, video.subjects, video.fps) == ("a.mp4", ("a.mp4",), None)
        assert video.events == (TrueEvent(kind="micro", onset=3, offset=9),)

    def test_a_folder_of_images_knows_its_frames(self, tmp_path):
        for number in range(1, 13):
            (tmp_path / "frames").mkdir(exist_ok=True)
            (tmp_path / "frames" / f"img{number}.png").touch()
        path = table(tmp_path, "frames,1,s1,micro,2,3,11,,,200", files=())
        (video,) = read_truth_csv(path)
        assert (video.frames, video.frame_paths[9].name) == (12, "img10.png")
        assert video.duration_s == pytest.approx(12 / 200)
        path = table(tmp_path, "frames,1,s1,micro,2,3,12,,,200", files=())
        with pytest.raises(DataError, match=r"offset 12 is not in 0\.\.11"):
            read_truth_csv(path)

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            ("a.mp4,1,s1,brief,1,2,9,,,", "row 2: kind 'brief' is not micro or macro"),
            ("a.mp4,1,s1,,1,2,9,,,", "row 2: kind '' is not micro or macro"),
            ("a.mp4,1,s1,micro,1,2,,,,", "offset '' is not a whole number"),
            ("a.mp4,1,s1,micro,1.5,2,9,,,", "onset '1.5' is not a whole number"),
            ("a.mp4,1,s1,micro,9,,9,,,", "the offset must come after the onset"),
            ("a.mp4,1,s1,micro,1,12,9,,,", "apex '12'"),
            ("a.mp4,x,s1,micro,1,2,9,,,", "subject_id 'x' is not a whole number"),
            ("a.mp4,0,s1,micro,1,2,9,,,", "subject_id 0: faces are numbered from 1"),
            ("a.mp4,1,s1,nan,1,2,9,,,", "kind '' is not micro or macro"),
            ("a.mp5,1,s1,micro,1,2,9,,,", "a.mp4 does"),
            ("a.mp4,1,s/1,micro,1,2,9,,,", "holds a slash"),
            ("a.mp4,1,s1,micro,1,2,9,,,0", "fps '0' is not a rate"),
            ("a.mp4,1,s1,micro,1,2,9,,,fast", "fps 'fast' is not a rate"),
            (",1,s1,micro,1,2,9,,,", "video is empty"),
            ("gone.mp4,1,s1,micro,1,2,9,,,", "names 1 paths that are not there"),
            ("sub,1,s1,micro,1,2,9,,,", "holds 0 images"),
        ],
    )
    def test_a_wrong_row(self, tmp_path, row, said):
        (tmp_path / "sub").mkdir()
        with pytest.raises(DataError) as caught:
            read_truth_csv(table(tmp_path, row))
        assert said in str(caught.value)

    @pytest.mark.parametrize(
        ("second", "said"),
        [
            ("a.mp4,1,s1,micro,1,3,9,,,", "already in row 2"),
            ("a.mp4,1,s1,,,,,,,", "in one row that a.mp4 has no event, and in 1 that it has"),
            ("a.mp4,1,s1,micro,20,22,29,,,25", "25 and 30 frames per second"),
            ("a.mp4,1,s2,micro,20,22,29,,,30", "face 1 of a.mp4 that it is 's1' and 's2'"),
        ],
    )
    def test_rows_that_contradict_each_other(self, tmp_path, second, said):
        with pytest.raises(DataError) as caught:
            read_truth_csv(table(tmp_path, "a.mp4,1,s1,micro,1,2,9,,,30", second))
        assert said in str(caught.value)

    def test_a_missing_or_misspelt_column(self, tmp_path):
        path = table(tmp_path, "a.mp4,micro,3,9", header="video,kind,onsett,offset")
        with pytest.raises(DataError, match="onset \\(is 'onsett' meant"):
            read_truth_csv(path)
        with pytest.raises(DataError, match="Expected a table of true events"):
            read_truth_csv(tmp_path / "none.csv")
