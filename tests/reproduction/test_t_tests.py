"""Printed t-tests come of the printed scores, and runs of ours are compared clip by clip."""

import math

import pytest
from tests.evaluation.made_up_runs import make_predictions, make_table, write_run

from openmer.errors import ConfigError, DataError
from openmer.evaluation import compare_runs, load_run, on_clips
from openmer.reports._published import SOURCES
from openmer.reproduction import load_study, run_table, t_test_table
from openmer.reproduction._paired_t import paired_t_test
from openmer.reproduction._run_study import StudyResult
from openmer.reproduction._study import StudyRow
from openmer.reproduction._t_tests import printed_t_tests, t_tests_again

STUDY = load_study("dense-attention/t-tests")
RIVALS = 11


def test_a_paired_t_test_by_hand():
    found = paired_t_test([2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 4.0])
    # Differences 1, 2, 3, 4: mean 2.5, variance 5/3, so t = 2.5 / sqrt(5/12) = sqrt(15).
    assert (found.difference, found.degrees) == (2.5, 3)
    assert found.t == pytest.approx(math.sqrt(15))
    # Student's distribution of 3 degrees in closed form, at x = t / sqrt(3) = sqrt(5).
    x = math.sqrt(5)
    both_tails = 1 - 2 / math.pi * (x / (1 + x**2) + math.atan(x))
    assert found.p_value == pytest.approx(both_tails, rel=1e-9)
    one = paired_t_test([2, 4, 6, 8], [1, 2, 3, 4], alternative="greater")
    assert one.p_value == pytest.approx(both_tails / 2)
    turned = paired_t_test([1, 2, 3, 4], [2, 4, 6, 8], alternative="greater")
    assert turned.p_value == pytest.approx(1 - both_tails / 2) and turned.t == -found.t


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([0.1, 0.2], [0.1], "2 and 1 numbers"),
        ([0.1], [0.2], "at least two"),
        ([0.3, 0.5, 0.7], [0.1, 0.3, 0.5], "All 3 differences are 0.2"),
    ],
)
def test_what_cannot_be_tested_is_refused(first, second, message):
    with pytest.raises(DataError, match=message):
        paired_t_test(first, second)


def test_every_printed_p_value_has_its_source_and_both_methods():
    printed = printed_t_tests()
    assert len(printed) == 2 * RIVALS
    quoted = {row.published for row in STUDY.rows}
    for found in printed:
        assert found.source in SOURCES and found.score in {"uf1", "uar"}
        assert {found.method, found.against} <= quoted
        assert 0 < float(found.p_value) < 1


def test_every_printed_p_value_is_that_of_the_printed_scores():
    again = t_tests_again(STUDY)
    assert [found.match for found in again if found.printed.score == "uf1"] == ["rounded"] * RIVALS
    uar = [found.match for found in again if found.printed.score == "uar"]
    assert (uar.count("rounded"), uar.count("cut off")) == (5, 6)
    for found in again:
        assert found.two_sided == pytest.approx(2 * found.p_value), "all printed means are larger"
        assert found.corpora_alone > found.two_sided, "the whole set narrows what it is made of"


def test_the_table_says_what_is_left_of_the_small_p_values():
    table = t_test_table(STUDY)
    assert len(table.rows) == 2 * RIVALS
    line = next(row for row in table.rows if row[:2] == ("OFF-ApexNet", "UAR"))
    assert line[2:5] == ("0.017", "0.0176", "cut off")
    notes = " ".join(table.notes)
    assert "22 of 22 printed p" in notes and "16 rounded, 6 cut off" in notes
    assert "Of the 19 printed p below 0.05, 17 stay below it two-sided, and 3" in notes
    assert "Unsound" in notes and "no clip and no subject" in notes


def test_a_t_test_without_its_scores_names_what_is_missing():
    rows = tuple(row for row in STUDY.rows if row.published != "EMR")
    with pytest.raises(ConfigError, match=r"compares EMR, .* no UAR of it on 'full' in table 5 or"):
        t_tests_again(STUDY.model_copy(update={"rows": rows}))


def test_the_rows_of_some_clips():
    table = make_table(seeds=(0, 1))
    kept = table.clips[3:7]
    few = on_clips(table, kept)
    assert few.clips == (*kept, *kept) and few.seeds == (0, 1)
    assert few.scores.tolist()[:4] == table.scores.tolist()[3:7]
    assert few.subjects[:4] == table.subjects[3:7] and not few.scores.flags.writeable
    with pytest.raises(DataError, match="None of the 1 clips"):
        on_clips(table, ["nobody"])


def result_of(label, folder=None, **fields):
    run = {} if folder is None else {"folder": folder, "honest": load_run(folder)}
    return StudyResult(row=StudyRow(label=label), **run, **fields)


def test_runs_of_ours_are_compared_by_subject_and_by_clip(tmp_path):
    better = write_run(tmp_path / "better", predictions={"skill": 1.8})
    worse = write_run(tmp_path / "worse", predictions={"skill": 1.2})
    quoted = StudyResult(row=StudyRow(label="EMR", run=False), why_not="only quoted")
    table = run_table([result_of("method", better), result_of("other", worse), quoted])
    assert [row[0] for row in table.rows] == ["method", "other"]
    found = compare_runs(make_table(skill=1.8), make_table(skill=1.2))
    line = dict(zip(table.columns, table.rows[1], strict=True))
    assert line["p by subject"] == f"{found.p_value:.4f}"
    assert line["p by clip"] == f"{found.mcnemar.p_value:.4f}"
    right = (line["only first right"], line["only it right"])
    assert right == (str(found.mcnemar.only_first), str(found.mcnemar.only_second))
    assert line["difference"].startswith(f"{found.difference:+.3f} (")
    first, second = (load_run(folder)[1] for folder in (better, worse))
    parts = ("casme2", "samm", "smic")
    numbers = [[run.uf1, *(run.parts[part].uf1 for part in parts)] for run in (first, second)]
    as_printed = paired_t_test(*numbers, alternative="greater").p_value
    assert line["t-test"] == f"{as_printed:.4f}"
    assert not any("only quoted" in note for note in table.notes)


def test_runs_that_lost_clips_are_compared_on_those_that_both_have(tmp_path):
    lost = make_predictions()[0].clip
    whole = write_run(tmp_path / "whole", predictions={"skill": 1.5})
    fewer = write_run(tmp_path / "fewer", without=(lost,), clips=441)
    table = run_table([result_of("method", whole), result_of("other", fewer)])
    assert any("compared on the 441 clips that both runs have" in note for note in table.notes)
    assert table.rows[1][4] != "-"


def test_a_method_that_was_not_run_leaves_the_others_their_scores(tmp_path):
    other = write_run(tmp_path / "other")
    table = run_table([result_of("method", why_not="needs weights"), result_of("other", other)])
    assert table.rows[0] == ("method", *["-"] * 8)
    assert table.rows[1][1] == f"{load_run(other)[1].uf1:.3f}" and table.rows[1][3] == "-"
    assert "method: not run, needs weights." in table.notes


def test_runs_on_other_tasks_are_not_compared(tmp_path):
    first = write_run(tmp_path / "first", predictions={"corpora": {"smic": (4, (9, 9, 9))}})
    second = write_run(tmp_path / "second", predictions={"corpora": {"samm": (4, (9, 9, 9))}})
    table = run_table([result_of("method", first), result_of("other", second)])
    assert any(note.startswith("other: not compared. None of the 0") for note in table.notes)
