"""The quirks of each corpus, on fakes that have them."""

import datetime
import shutil

import openpyxl
import pytest

from openmer import datasets
from openmer.datasets._roots import headers_named
from openmer.datasets.fakes import write_fake
from openmer.errors import DataError


def clips_by_name(name, root, **options):
    return {clip.name: clip for clip in datasets.load_clips(name, root, **options)}


ODD_CELLS = (
    True, datetime.datetime(2014, 5, 8), "#N/A", "=1+1", "inf", "nan", 46.5, -5, 10**18, 1e300, 3,
    "..", "/etc", "../../x", "x" * 5000, "\u200b", " ", "[red]", "a\nb",
)  # fmt: skip


def edit(path, change, sheet=None):
    """Let `change` edit the cells of a workbook."""
    book = openpyxl.load_workbook(path)
    change(book[sheet or book.sheetnames[0]])
    book.save(path)
    book.close()


def notes(name, root, **options):
    return [str(p) for p in datasets.check(name, root, **options) if "expected" not in p.text]


class TestCasme2:
    def test_frame_numbers_become_places_among_the_files(self, tmp_path):
        clips = clips_by_name("casme2", write_fake("casme2", tmp_path / "c"))
        clip = clips["EP08f"]
        numbers = [int(path.stem.removeprefix("img")) for path in clip.frame_paths]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        sheet = openpyxl.load_workbook(tmp_path / "c/CASME2-coding-20140508.xlsx").active
        row = next(row for row in sheet.iter_rows(values_only=True) if row[1] == "EP08f")
        assert [numbers[at] for at in (clip.onset, clip.apex, clip.offset)] == list(row[3:6])
        assert row[0] == int(clip.subject.removeprefix("sub"))
        assert numbers[0] < 100 <= numbers[-1] or sorted(clip.frame_paths) == list(clip.frame_paths)

    def test_numbers_without_padding_are_ordered_as_numbers(self, tmp_path):
        clips = datasets.load_clips("casme2", write_fake("casme2", tmp_path / "c"))
        crossing = [c for c in clips if any("img99." in p.name for p in c.frame_paths)]
        assert crossing
        for clip in crossing:
            names = [path.name for path in clip.frame_paths]
            assert names.index("img100.jpg") == names.index("img99.jpg") + 1

    def test_two_clips_have_no_usable_apex(self, tmp_path):
        root = write_fake("casme2", tmp_path / "c")
        clips = clips_by_name("casme2", root)
        assert clips["EP12_01f"].apex is clips["EP09_05f"].apex is None
        assert sum(clip.apex is None for clip in clips.values()) == 2
        assert any(clip.apex == clip.offset for clip in clips.values())
        assert len([text for text in notes("casme2", root) if "apex" in text]) == 2

    def test_both_forms_of_frames(self, tmp_path):
        root = write_fake("casme2", tmp_path / "c")
        raw, cropped = (datasets.load_clips("casme2", root, frames=f) for f in ("raw", "cropped"))
        assert [c.onset for c in raw] == [c.onset for c in cropped]
        assert cropped[0].frame_paths[0].name.startswith("reg_img")

    @pytest.mark.parametrize(("own", "other"), [("2014", "2019"), ("2019", "2014")])
    def test_a_coding_under_the_name_of_the_other_is_refused(self, tmp_path, own, other):
        root = write_fake("casme2", tmp_path / "c", variant=own, frames=False)
        dates = {"2014": "20140508", "2019": "20190701"}
        sheet = root / f"CASME2-coding-{dates[own]}.xlsx"
        sheet.rename(root / f"CASME2-coding-{dates[other]}.xlsx")
        with pytest.raises(DataError, match=f"asked for as the {other} coding"):
            datasets.load("casme2", root, variant=other, frames="none")

    def test_a_lost_onset_takes_the_clip_out_and_a_lost_frame_shifts_nothing(self, tmp_path):
        root = write_fake("casme2", tmp_path / "c")
        before = clips_by_name("casme2", root)["EP08f"]
        before.frame_paths[before.onset + 1].unlink()
        after = clips_by_name("casme2", root)["EP08f"]
        assert after.frame_paths[after.apex] == before.frame_paths[before.apex]
        assert after.apex == before.apex - 1
        assert any("1 frames between onset and offset" in text for text in notes("casme2", root))
        before.frame_paths[before.onset].unlink()
        with pytest.raises(DataError, match="the onset"):
            datasets.load("casme2", root)
        assert "EP08f" not in clips_by_name("casme2", root, strict=False)

    def test_a_clip_listed_twice_is_an_error(self, tmp_path):
        root = write_fake("casme2", tmp_path / "c", frames=False)
        sheet = root / "CASME2-coding-20140508.xlsx"
        edit(sheet, lambda table: table.append([cell.value for cell in table[2]]))
        with pytest.raises(DataError, match="listed twice"):
            datasets.load("casme2", root, frames="none")

    def test_a_changed_word_is_named(self, tmp_path):
        root = write_fake("casme2", tmp_path / "c", full=True, frames=False)

        def change(table):
            table.cell(row=4, column=9).value = "joy"

        edit(root / "CASME2-coding-20140508.xlsx", change)
        problems = [str(p) for p in datasets.check("casme2", root, frames="none") if p.fatal]
        assert "casme2: 62 clips of 'disgust', expected 63" in problems
        assert any("1 clips of 'joy', a word outside" in problem for problem in problems)


class TestSamm:
    def test_ids_get_their_zeros_back_and_words_their_case(self, tmp_path):
        clips = datasets.load_clips("samm", write_fake("samm", tmp_path / "s"))
        assert {clip.subject for clip in clips} == {"006", "007", "025"}
        assert {"Anger", "Other"} < {clip.emotion for clip in clips}
        assert {"ref(L10)+A12B", "R12 or R15", "/"} < {clip.action_units for clip in clips}

    def test_only_the_last_digits_are_the_frame(self, tmp_path):
        clips = datasets.load_clips("samm", write_fake("samm", tmp_path / "s"))
        lengths = {len(path.stem) for clip in clips for path in clip.frame_paths}
        assert lengths == {8, 9}  # 006_1000 and 006_01000


class TestSmic:
    def test_short_ids_are_padded(self, tmp_path):
        root = write_fake("smic", tmp_path / "s")
        assert {path.name for path in (root / "SMIC/HS").iterdir()} == {"s1", "s2", "s03"}
        clips = datasets.load_clips("smic", root)
        assert {clip.subject for clip in clips} == {"s01", "s02", "s03"}
        assert all(clip.name.startswith(f"{clip.subject}_") for clip in clips)

    def test_the_folder_is_the_movement(self, tmp_path):
        for clip in datasets.load_clips("smic", write_fake("smic", tmp_path / "s")):
            assert (clip.onset, clip.apex, clip.offset) == (0, None, len(clip.frame_paths) - 1)

    def test_recordings_share_subjects_but_no_clip(self, tmp_path):
        root = write_fake("smic", tmp_path / "hs", frames=False)
        vis = write_fake("smic", tmp_path / "vis", variant="VIS", frames=False)
        fast = datasets.load_clips("smic", root, frames="none")
        slow = datasets.load_clips("smic", vis, variant="VIS", frames="none")
        assert {c.subject_id for c in fast} == {c.subject_id for c in slow}
        assert not {c.key for c in fast} & {c.key for c in slow}
        assert (fast[0].fps, slow[0].fps) == (100, 25)

    def test_a_folder_that_is_no_clip_is_named(self, tmp_path):
        root = write_fake("smic", tmp_path / "s", frames=False)
        (root / "SMIC/HS/s1/micro/negative/extra").mkdir()
        with pytest.raises(DataError, match="extra"):
            datasets.load("smic", root, frames="none")


class TestCasme3:
    def test_recordings_hold_several_clips_under_two_spellings(self, tmp_path):
        clips = datasets.load_clips("casme3", write_fake("casme3", tmp_path / "c"))
        assert {clip.subject for clip in clips} == {"spNO.1", "spNO.2", "spNO.3"}
        folders = {clip.frame_paths[0].parent for clip in clips}
        assert len(folders) < len(clips)

    def test_a_lost_apex_and_an_offset_of_zero_are_noted(self, tmp_path):
        root = write_fake("casme3", tmp_path / "c")
        text = " ".join(notes("casme3", root))
        assert "the apex, is missing" in text
        assert "offset '0' is no frame number; taken as the apex" in text
        clips = datasets.load_clips("casme3", root)
        assert [clip.apex is None for clip in clips].count(True) == 1

    def test_depth(self, tmp_path):
        root = write_fake("casme3", tmp_path / "c")
        clip = datasets.load_clips("casme3", root, frames="depth")[0]
        assert clip.frame_paths[0].suffix == ".png"


class TestCasmeSquared:
    def test_folders_are_found_by_the_naming_rules(self, tmp_path):
        clips = datasets.load_clips("casme_squared", write_fake("casme_squared", tmp_path / "c"))
        folders = {clip.frame_paths[0].parent.name for clip in clips}
        assert "16_0101disgustingteeth" in folders
        assert all(clip.subject in clip.frame_paths[0].parts for clip in clips)

    def test_types_are_kept_apart(self, tmp_path):
        root = write_fake("casme_squared", tmp_path / "c", frames=False)
        micro, macro = (
            datasets.load_clips("casme_squared", root, variant=kind, frames="none")
            for kind in ("micro", "macro")
        )
        assert (len(micro), len(macro)) == (8, 1)

    def test_an_unknown_type_is_named(self, tmp_path):
        root = write_fake("casme_squared", tmp_path / "c", frames=False)
        sheet = root / "CAS(ME)^2code_final(Updated).xlsx"
        edit(sheet, lambda table: table.append([1, "x_1", 1, 2, 3, "4", "positive", "nano"]))
        with pytest.raises(DataError, match="type 'nano'"):
            datasets.load("casme_squared", root, frames="none")


class TestOthers:
    def test_mmew_folders_may_disagree_with_the_sheet(self, tmp_path):
        root = write_fake("mmew", tmp_path / "m")
        others = [c for c in datasets.load_clips("mmew", root) if c.emotion == "others"]
        assert {clip.frame_paths[0].parts[-3] for clip in others} == {"repression"}
        assert any("is after the offset" in text for text in notes("mmew", root))

    def test_4dme_joins_flags_where_there_is_no_text(self, tmp_path):
        clips = datasets.load_clips("fourdme", write_fake("fourdme", tmp_path / "f"))
        assert "negative+surprise" in {clip.emotion for clip in clips}
        assert clips[0].frame_paths[0].name.startswith("Frame_0000018")

    def test_samm_long_videos_say_the_type(self, tmp_path):
        clips = datasets.load_clips("samm_long", write_fake("samm_long", tmp_path / "s"))
        assert {clip.emotion for clip in clips} == {"Macro", "Micro - 1/2"}
        assert len({clip.frame_paths for clip in clips}) < len(clips)

    def test_samm_long_videos_may_lie_one_folder_deeper(self, tmp_path):
        root = write_fake("samm_long", tmp_path / "s")
        (root / "videos").mkdir()
        for folder in root.glob("0*"):
            shutil.move(folder, root / "videos" / folder.name)
        assert datasets.load_clips("samm_long", root)[0].frame_paths

    def test_ckplus_takes_the_last_frames_of_labelled_sequences(self, tmp_path):
        root = write_fake("ckplus", tmp_path / "c")
        images = datasets.load_images("ckplus", root)
        first = [image.path for image in images[:3]]
        assert first == sorted(first[0].parent.iterdir())[-3:]
        labelled = list((root / "Emotion").glob("*/*/*.txt"))
        sequences = list((root / "cohn-kanade-images").glob("*/*"))
        assert len(sequences) == len(labelled) + 1
        assert len(images) == 3 * len(labelled)

    def test_ckplus_names_a_broken_label(self, tmp_path):
        root = write_fake("ckplus", tmp_path / "c", frames=False)
        next((root / "Emotion").glob("*/*/*.txt")).write_text("nine")
        with pytest.raises(DataError, match="'nine' is no number"):
            datasets.load("ckplus", root, frames="none")

    def test_a_sequence_that_is_too_short_is_named(self, tmp_path):
        root = write_fake("ckplus", tmp_path / "c")
        folder = next((root / "cohn-kanade-images").glob("S005/001"))
        for path in sorted(folder.iterdir())[2:]:
            path.unlink()
        with pytest.raises(DataError, match="holds 2 frames, expected 3"):
            datasets.load("ckplus", root)

    def test_mug_takes_frames_about_the_middle(self, tmp_path):
        root = write_fake("mug", tmp_path / "m")
        images = datasets.load_images("mug", root, per_sequence=6)
        take = sorted(images[0].path.parent.iterdir())
        numbers = [take.index(image.path) for image in images[:6]]
        assert numbers == list(range(numbers[0], numbers[0] + 6))
        assert abs((numbers[0] + numbers[-1]) - (len(take) - 1)) <= 1

    def test_rafdb_names_lines_and_images(self, tmp_path):
        root = write_fake("rafdb", tmp_path / "r")
        assert {i.part for i in datasets.load_images("rafdb", root)} == {"train", "test"}
        image = datasets.load_images("rafdb", root, frames="original")[0]
        image.path.unlink()
        labels = root / "basic/EmoLabel/list_patition_label.txt"
        labels.write_text(labels.read_text() + "train_1.png 9\n")
        text = " ".join(notes("rafdb", root, frames="original"))
        assert image.path.name in text
        assert any("train_1.png 9" in str(p) for p in datasets.check("rafdb", root))

    def test_jaffe_names_a_file_of_another_form(self, tmp_path):
        root = write_fake("jaffe", tmp_path / "j", frames=False)
        (root / "copy of KA.AN1.39.tiff").touch()
        with pytest.raises(DataError, match="copy of"):
            datasets.load("jaffe", root)

    def test_oulu_casia_reads_another_camera(self, tmp_path):
        root = write_fake("oulu_casia", tmp_path / "o", variant="NI-Dark")
        images = datasets.load_images("oulu_casia", root, variant="NI-Dark", per_sequence=2)
        assert {image.emotion for image in images} >= {"Anger", "Surprise"}
        assert all("NI-Dark" in image.name for image in images)

    def test_affectnet_lists_with_and_without_a_header(self, tmp_path):
        for variant in ("training", "validation"):
            root = write_fake("affectnet", tmp_path / variant, variant=variant)
            images = datasets.load_images("affectnet", root, variant=variant)
            assert len(images) == 22
            assert {"contempt", "no-face"} < {image.emotion for image in images}

    def test_affectnet_names_a_wrong_code(self, tmp_path):
        root = write_fake("affectnet", tmp_path / "a", frames=False)
        table = root / "Manually_Annotated_file_lists/training.csv"
        table.write_text(table.read_text() + "1/x.jpg,0,0,1,1,,12,0,0\n")
        with pytest.raises(DataError, match="expression '12'"):
            datasets.load("affectnet", root, frames="none")

    def test_a_sequence_without_images_is_named(self, tmp_path):
        root = write_fake("ckplus", tmp_path / "c")
        shutil.rmtree(root / "cohn-kanade-images/S005/001")
        with pytest.raises(DataError, match="no frames folder"):
            datasets.load("ckplus", root)


class TestFolders:
    def test_the_case_of_letters_does_not_count(self, tmp_path):
        root = write_fake("rafdb", tmp_path / "r")
        whole = datasets.load_images("rafdb", root)
        (root / "basic").rename(root / "Basic")
        (root / "Basic/EmoLabel").rename(root / "Basic/Emolabel")
        assert len(datasets.load_images("rafdb", root)) == len(whole)

    def test_sheet_and_frames_may_lie_in_one_folder_of_the_corpus_own_name(self, tmp_path):
        root = write_fake("samm", tmp_path / "new")
        whole = datasets.load_clips("samm", root)
        (root / "SAMM_Micro_FACS_Codes_v2.xlsx").rename(root / "SAMM/SAMM_Micro_FACS_Codes_v2.xlsx")
        again = datasets.load_clips("samm", root / "SAMM")
        assert [clip.key for clip in again] == [clip.key for clip in whole]
        assert again[0].frame_paths == whole[0].frame_paths


class TestSpellings:
    """What people do to sheets and folders, where there is one sound reading of it."""

    SHEET = "CASME2-coding-20140508.xlsx"

    @pytest.fixture
    def root(self, tmp_path):
        return write_fake("casme2", tmp_path / "c")

    def same(self, root, before, **options):
        assert [clip.key for clip in datasets.load_clips("casme2", root, **options)] == before

    def test_subjects_that_are_merged_or_stand_once(self, root):
        def sort(sheet):
            rows = sorted(sheet.iter_rows(min_row=2, values_only=True), key=lambda row: row[0])
            for number, row in enumerate(rows, start=2):
                for column, value in enumerate(row, start=1):
                    sheet.cell(number, column).value = value

        def once(sheet):
            for number in range(sheet.max_row, 2, -1):
                if sheet.cell(number, 1).value == sheet.cell(number - 1, 1).value:
                    sheet.cell(number, 1).value = None

        def merge(sheet):
            first = 2
            for number in range(3, sheet.max_row + 2):
                if number > sheet.max_row or sheet.cell(number, 1).value is not None:
                    sheet.merge_cells(f"A{first}:A{number - 1}")
                    first = number

        edit(root / self.SHEET, sort)
        before = [clip.key for clip in datasets.load_clips("casme2", root)]
        edit(root / self.SHEET, once)
        self.same(root, before)
        assert [t for t in notes("casme2", root) if "without a subject were taken" in t]
        edit(root / self.SHEET, merge)
        self.same(root, before)
        assert len([t for t in notes("casme2", root) if "merged cells" in t]) == 1

    def test_a_gap_in_a_full_column_is_left_out_and_named(self, root):
        def sort(sheet):
            for number in (2, 3, 4):
                sheet.cell(number, 1).value = 4
            sheet["A5"].value = None

        edit(root / self.SHEET, sort)
        found = notes("casme2", root)
        assert any(f"{self.SHEET} row 5: has no subject" in text for text in found)
        clips = datasets.load_clips("casme2", root, strict=False)
        assert all(clip.subject != "sub" for clip in clips)

    @pytest.mark.parametrize("spelling", ["Sub{:02}", "SUB{:02}", "sub{}", "{:02}"])
    def test_subjects_with_and_without_prefix(self, root, spelling):
        before = [clip.key for clip in datasets.load_clips("casme2", root)]

        def respell(sheet):
            for row in sheet.iter_rows(min_row=2, max_col=1):
                row[0].value = spelling.format(row[0].value)

        edit(root / self.SHEET, respell)
        self.same(root, before)

    @pytest.mark.parametrize("header", ["Subject", "Filename", "OnsetFrame", "Estimated Emotion"])
    def test_no_odd_cell_costs_more_than_its_own_clip(self, root, header):
        before = [clip.key for clip in datasets.load_clips("casme2", root)]
        book = openpyxl.load_workbook(root / self.SHEET)
        sheet = book.worksheets[0]
        column = [cell.value for cell in sheet[1]].index(header) + 1
        sound = sheet.cell(3, column).value
        for value in ODD_CELLS:
            sheet.cell(3, column).value = value
            book.save(root / self.SHEET)
            datasets.check("casme2", root)
            after = {clip.key for clip in datasets.load_clips("casme2", root, strict=False)}
            assert len(set(before) - after) <= 1, value
        sheet.cell(3, column).value = sound
        book.save(root / self.SHEET)
        self.same(root, before)

    def test_folders_of_another_case_where_one_fits(self, root):
        before = [clip.key for clip in datasets.load_clips("casme2", root)]
        clip = datasets.load_clips("casme2", root)[0]
        folder = clip.frame_paths[0].parent
        folder.rename(folder.with_name(folder.name.swapcase()))
        self.same(root, before)
        assert any(f"{clip.key}: the folder" in text for text in notes("casme2", root))
        for name in (folder.name.upper(), folder.name.lower()):
            folder.with_name(name).mkdir(exist_ok=True)
        with pytest.raises(DataError, match=f"no frames folder {folder}"):
            datasets.load_clips("casme2", root)

    def test_folders_of_another_unicode_form(self, tmp_path):
        root = write_fake("mmew", tmp_path / "m")
        clip = datasets.load_clips("mmew", root)[0]

        def rename(sheet):
            for row in sheet.iter_rows():
                for cell in row:
                    cell.value = "S01-\u00e9" if cell.value == clip.name else cell.value

        edit(root / "MMEW_Micro_Exp.xlsx", rename)
        folder = clip.frame_paths[0].parent
        folder.rename(folder.with_name("S01-e\u0301"))
        found = clips_by_name("mmew", root)["S01-\u00e9"]
        assert len(found.frame_paths) == len(clip.frame_paths)

    def test_a_folder_inside_a_folder_of_its_name(self, tmp_path):
        root = write_fake("samm", tmp_path / "s")
        before = [clip.key for clip in datasets.load_clips("samm", root)]
        (root / "SAMM").rename(root / "inner")
        (root / "SAMM").mkdir()
        (root / "inner").rename(root / "SAMM/SAMM")
        assert [clip.key for clip in datasets.load_clips("samm", root)] == before

    def test_a_clip_in_the_folder_of_another_class(self, tmp_path):
        root = write_fake("smic", tmp_path / "s")
        clip = next(c for c in datasets.load_clips("smic", root) if c.emotion == "negative")
        folder = clip.frame_paths[0].parent
        (folder.parents[1] / "positive").mkdir(exist_ok=True)
        folder.rename(folder.parents[1] / "positive" / folder.name)
        assert clips_by_name("smic", root)[clip.name].emotion == "negative"
        (text,) = notes("smic", root)
        assert text.startswith(f"{clip.key}: lies in ")
        assert "positive, but is negative by its name" in text

    def test_the_sheet_that_was_read_is_named(self, root):
        book = openpyxl.load_workbook(root / self.SHEET)
        book.create_sheet("Notes", 0)["A1"] = "Read me"
        book.save(root / self.SHEET)
        text = f"{self.SHEET}: the sheet 'Sheet1' was read, of Notes, Sheet1"
        assert text in notes("casme2", root)

    def test_headers_and_file_of_the_config_file(self, root, tmp_path, monkeypatch):
        before = [clip.key for clip in datasets.load_clips("casme2", root)]

        def translate(sheet):
            sheet["A1"], sheet["B1"], sheet["I1"] = "被试编号", "视频 名称", "情绪"

        edit(root / self.SHEET, translate)
        (root / self.SHEET).rename(root / "标注.xlsx")
        with pytest.raises(DataError, match="there is no file"):
            datasets.load_clips("casme2", root)
        config = tmp_path / "datasets.toml"
        monkeypatch.setenv("OPENMER_CONFIG", str(config))
        config.write_text('[sheets]\ncasme2 = "标注.xlsx"\n', encoding="utf-8")
        with pytest.raises(DataError, match=r"without Subject.*\[columns.casme2\] and subject ="):
            datasets.load_clips("casme2", root)
        columns = '[columns.casme2]\nsubject = "被试编号"\nclip = ["视频名称"]\nemotion = "情绪"\n'
        sheets = config.read_text("utf-8")
        config.write_text(sheets + columns, encoding="utf-8")
        self.same(root, before)
        config.write_text(sheets, encoding="utf-8")
        with headers_named(["subject=被试编号", "casme2.clip=视频名称", "emotion=情绪"]):
            self.same(root, before)
        missing = pytest.raises(DataError, match=r"without 视频.* --column clip=HEADER")
        with missing, headers_named(["subject=被试编号", "clip=视频", "emotion=情绪"]):
            datasets.load_clips("casme2", root)


class TestSmicLong:
    def test_movements_lie_where_the_camera_counted(self, tmp_path):
        root = write_fake("smic_long", tmp_path / "s")
        clips = clips_by_name("smic_long", root)
        first, second = clips["s01_ne_01_1"], clips["s01_ne_01_2"]
        assert first.frame_paths == second.frame_paths
        assert second.onset == first.offset + 1
        assert first.apex is None
        assert not [text for text in notes("smic_long", root) if "apex" in text]

    def test_recordings_of_the_cheap_cameras(self, tmp_path):
        root = write_fake("smic_long", tmp_path / "s", variant="VIS")
        clips = datasets.load_clips("smic_long", root, variant="VIS")
        assert {clip.fps for clip in clips} == {25}
        assert all(clip.name.startswith("vis_s") for clip in clips)

    def test_a_row_of_another_form_is_named(self, tmp_path):
        root = write_fake("smic_long", tmp_path / "s")
        sheet = "HS_long/SMIC-HS-E_annotation.xlsx"
        edit(root / sheet, lambda cells: cells.__setitem__("B2", "clip one"), sheet="HS")
        text = "SMIC-HS-E_annotation.xlsx row 2: 'clip one' is no clip name such as s3_ne_03"
        assert text in notes("smic_long", root)
