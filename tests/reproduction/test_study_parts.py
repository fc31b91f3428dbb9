"""Parts of a composite come from one run, and a study of one corpus evaluates its clips alone."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.builders import make_clip
from tests.evaluation.made_up_runs import make_run, write_run

from openmer.datasets import ClipSource
from openmer.errors import DataError, ProtocolError
from openmer.evaluation import Protocol
from openmer.reproduction import (
    Changes,
    StudyRun,
    draw_scores,
    load_study,
    run_study,
    study_table,
    study_terminal,
)
from openmer.reproduction._run_study import StudyResult, study_clips
from openmer.training import Resources

OURS = "Dense + mixed attention"


def result_of(study, run, label=OURS, **fields):
    (row,) = (row for row in study.rows if row.label == label)
    return StudyResult(row=row, honest=run, **fields)


def cells(table, label, clips=None):
    """The line of a table with this label, and these clips, by its headings."""
    for row in table.rows:
        found = dict(zip(table.columns, row, strict=True))
        if row[0] == label and found.get("clips") == clips:
            return found
    raise AssertionError(f"{label} of {clips} is not in the table")


def clips_of(corpus, words, subjects=2):
    """One clip of every word and subject."""
    return [
        make_clip(corpus, f"s{subject_id}", f"{word}{subject_id}", emotion=word)
        for subject_id in range(subjects)
        for word in words
    ]


FIVE = ("disgust", "happiness", "others", "repression", "surprise")
THREE = ("negative", "positive", "surprise")


def test_a_row_has_a_line_of_each_part_from_the_same_run():
    study = load_study("dense-attention/corpora")
    run = make_run()
    table = study_table(study, [result_of(study, run)])
    assert [row[1] for row in table.rows] == ["CASME II", "SAMM", "SMIC"]
    line = cells(table, OURS, "SAMM")
    part = run[1].parts["samm"]
    assert line["UF1, ours"].startswith(f"{part.uf1:.3f} ({part.scores['uf1'].low:.3f}-")
    assert line["Accuracy, ours"].startswith(f"{part.scores['accuracy'].value:.3f}")
    assert (line["UAR, printed"], line["UF1, printed"]) == ("0.8415", "0.8485")
    assert line["Accuracy, printed"] == "0.9015"
    assert line["epoch rule"] == "fixed"


def test_the_whole_set_has_no_column_of_clips_and_quotes_without_running():
    study = load_study("dense-attention/composite")
    run = make_run()
    rows = [result_of(study, run), result_of(study, None, "MERASTC", why_not="only quoted")]
    table = study_table(study, rows)
    assert "clips" not in table.columns
    assert cells(table, OURS)["UAR, ours"].startswith(f"{run[1].scores['uar'].value:.3f}")
    quoted = cells(table, "MERASTC")
    assert (quoted["UF1, ours"], quoted["UF1, printed"]) == ("-", "0.92")
    assert quoted["Accuracy, printed"] == "-"
    assert any("447 clips" in note for note in table.notes)
    assert not any("MERASTC: not run" in note for note in table.notes)


def test_a_leaky_run_has_columns_of_its_own_and_a_leaky_ours_says_so():
    study = load_study("dense-attention/attention")
    leaky = make_run(epoch_rule="held_out", leaky=True)
    row = result_of(study, make_run(), "mixed attention", leaky=leaky)
    line = cells(study_table(study, [row]), "mixed attention", "all")
    assert line["UF1, LEAKY"].startswith(f"{leaky[1].uf1:.3f}")
    seen = make_run(leaky=True, seen_subjects=("casme2/s01",))
    table = study_table(study, [result_of(study, seen, "mixed attention")])
    assert cells(table, "mixed attention", "SMIC")["epoch rule"] == "fixed (LEAKY)"
    assert any("LEAKY, images of 1 tested subject" in note for note in table.notes)


def test_parts_that_are_not_there_or_lack_a_class_are_told():
    study = load_study("dense-attention/corpora")
    corpora = {"casme2": (5, (20, 12, 12)), "samm": (4, (14, 10, 0))}
    table = study_table(study, [result_of(study, make_run(predictions={"corpora": corpora}))])
    assert cells(table, OURS, "SMIC")["UF1, ours"] == "-"
    assert "SMIC: no clip of it was given." in table.notes
    assert any(note.startswith("SAMM: no clip is surprise") for note in table.notes)


def test_one_note_names_all_the_rows_that_it_is_printed_for():
    study = load_study("dense-attention/attention")
    table = study_table(study, [StudyResult(row=row) for row in study.rows])
    (note,) = (note for note in table.notes if "not the official 442" in note)
    assert note.startswith("Printed for no attention, all; channel attention only, all; ")


def test_a_terminal_shows_every_number_of_a_wide_table_whole():
    study = load_study("dense-attention/t-tests")
    table = study_table(study, [result_of(study, make_run())])
    headings = [str(column.header) for column in study_terminal(table).columns]
    assert headings[:2] == ["", "clips"] and "UAR,\nprinted" in headings


def test_a_study_of_one_corpus_takes_its_clips_from_a_source_of_more():
    study = load_study("dense-attention/smic")
    clips = (*clips_of("smic", THREE), *clips_of("samm", ("anger", "happiness", "surprise")))
    source = ClipSource(
        clips=clips,
        kind="corpus",
        name="megc2019",
        title="MEGC 2019 composite",
        clips_expected=442,
        differences=(
            "megc2019: 12 clips, expected 442",
            "megc2019/smic: 6 clips, expected 164",
            "samm/s1/a: no frames",
            "smic/s1/a: no frames",
        ),
    )
    taken = study_clips(study, source)
    assert {clip.corpus for clip in taken.clips} == {"smic"} and len(taken.clips) == 6
    assert taken.differences == (source.differences[1], source.differences[3])
    record = taken.record()
    assert (record["part"], record["clips"]) == ("smic", 6) and "clips_expected" not in record
    assert study_clips(study, clips) == clips[:6]
    whole = replace(source, clips=clips[:6], name="smic")
    assert study_clips(study, whole) is whole
    assert study_clips(load_study("dense-attention/composite"), source) is source


def test_clips_of_other_corpora_alone_are_one_clear_error():
    study = load_study("dense-attention/casme2")
    with pytest.raises(
        DataError, match=r"evaluates clips of CASME II alone .* are of: samm, smic\."
    ):
        study_clips(study, [*clips_of("smic", THREE), *clips_of("samm", ("anger",))])
    with pytest.raises(DataError, match="Give --corpus casme2"):
        run_study(study, clips_of("samm", FIVE), how(Path()))


def test_a_composite_lacks_a_class_of_the_five_and_the_error_says_what_to_give():
    study = load_study("dense-attention/casme2")
    kept = clips_of("casme2", [word for word in FIVE if word != "others"])
    with pytest.raises(ProtocolError, match=r"casme2-5.*No clip of class others.*--corpus casme2"):
        study_clips(study, kept)
    assert len(study_clips(study, clips_of("casme2", (*FIVE, "fear")))) == 12


def test_the_printed_scores_of_one_corpus_are_those_of_its_own_table():
    for name, uf1, accuracy in (
        ("casme2", "0.8408", "0.8635"),
        ("samm", "0.8178", "0.8444"),
        ("smic", "0.9139", "0.9273"),
    ):
        study = load_study(f"dense-attention/{name}")
        run = make_run(predictions={"corpora": {name: (6, (20, 12, 12))}})
        table = study_table(study, [result_of(study, run)])
        assert table.columns == (
            "", "UF1, ours", "Accuracy, ours", "epoch rule", "UF1, printed", "Accuracy, printed",
        )  # fmt: skip
        line = cells(table, OURS)
        assert (line["UF1, printed"], line["Accuracy, printed"]) == (uf1, accuracy)
        assert line["UF1, ours"].startswith(f"{run[1].uf1:.3f}")


def how(out, **changes):
    fields = {
        "protocol": Protocol(),
        "leaky": False,
        "out": out,
        "resources": Resources(device="cpu", workers=1),
    }
    return StudyRun(**(fields | changes))


@pytest.fixture
def evaluated(tmp_path, monkeypatch):
    """Every method gives the same made-up run at once; lists the methods so evaluated."""
    folder = write_run(tmp_path / "run")
    methods = []

    def evaluate(method, clips, protocol, **_):
        methods.append((method, protocol.epoch_rule))
        return folder

    monkeypatch.setattr("openmer.reproduction._run_study.evaluate", evaluate)
    monkeypatch.setattr("openmer.reproduction._run_study.require_weights", lambda _: None)
    return methods


def test_a_variant_without_its_weights_says_how_to_make_them_and_stops_nobody(tmp_path, evaluated):
    study = load_study("dense-attention/attention")
    results = run_study(study, [], how(tmp_path))
    assert [result.honest is not None for result in results] == [False, False, False, True]
    assert "--set model.parameters.attention=spatial" in results[2].why_not
    table = study_table(study, results)
    assert any(note.startswith("no attention: not run, needs weights") for note in table.notes)
    file = tmp_path / "mine.safetensors"
    given = run_study(study, [], how(tmp_path, changes=Changes(weights={"attention-none": file})))
    assert given[0].honest is not None and given[1].honest is None
    none = next(
        method for method, _ in evaluated if method.model.parameters.get("attention") == "none"
    )
    assert none.model.weights == file.as_posix()


def test_what_the_user_starts_all_rows_from_is_enough(tmp_path, evaluated):
    study = load_study("dense-attention/connections")
    results = run_study(study, [], how(tmp_path, changes=Changes(overrides=("model.weights=",))))
    assert all(result.honest is not None for result in results)
    assert [method.model.weights for method, _ in evaluated] == ["", ""]


def test_overrides_reach_other_methods_and_leave_out_those_that_do_not_know_them(
    tmp_path, evaluated
):
    study = load_study("dense-attention/composite")
    changes = Changes(overrides=("training.batch_size=8",))
    results = run_study(study, [], how(tmp_path, changes=changes))
    assert {method.training.batch_size for method, _ in evaluated} == {8}
    assert {"dense-attention", "ststnet"} <= {method.name for method, _ in evaluated}
    (left,) = (result for result in results if result.row.method == "flow-svm")
    assert left.honest is None and "training.batch_size" in left.why_not


def test_each_row_is_judged_under_its_methods_own_rule(tmp_path, evaluated):
    study = load_study("dense-attention/composite")
    run_study(study, [], how(tmp_path, leaky=True))
    rules = [(method.name, rule) for method, rule in evaluated]
    assert ("dense-attention", "inner") in rules and ("dense-attention", "held_out") in rules
    assert ("ststnet", "fixed") in rules


def test_parts_stand_side_by_side_where_the_paper_has_them_so():
    study = load_study("mobilevit-svm/comparison")
    row, run = study.rows[0], make_run()
    table = study_table(study, [StudyResult(row=row, honest=run)])
    assert len(table.rows) == 1 and "clips" not in table.columns
    found = dict(zip(table.columns, table.rows[0], strict=True))
    assert found["UF1 SAMM, ours"].startswith(f"{run[1].parts['samm'].uf1:.3f}")
    assert found["Accuracy all, printed"] == "0.8427" and found["UF1 SMIC, printed"] == "-"


@pytest.mark.parametrize("name", ["interval", "operations"])
def test_scores_are_drawn_with_a_panel_for_each_part(name):
    study = load_study(f"rrmfnet-pt/{name}")
    results = [StudyResult(row=row, honest=make_run()) for row in study.rows[:-1]]
    results.append(StudyResult(row=study.rows[-1], why_not="stopped"))
    drawn = draw_scores(study, results)
    assert drawn == draw_scores(study, results) and drawn[:4] == b"\x89PNG"
    assert drawn != draw_scores(study, results[:-1])
