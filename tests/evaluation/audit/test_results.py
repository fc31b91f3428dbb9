"""Published results from files: what is wrong is found, named, and corrected."""

import random
from dataclasses import replace

import pytest
from tests.builders import make_clip
from tests.contracts.leaks._published import honest_results

from openmer.errors import DataError
from openmer.evaluation import check_published
from openmer.evaluation.audit._results import check_results
from openmer.evaluation.audit._results_claims import check_shape
from openmer.evaluation.audit._results_table import (
    Claim,
    Row,
    Split,
    claims_of,
    read_claims,
    read_rows,
    read_splits,
    scores_of,
)


def checks(found):
    return [finding.check for finding in found.findings]


def claim(name, value, **changes):
    return Claim(name=name, value=value, **changes)


@pytest.fixture(name="honest")
def _honest():
    return honest_results()


def write(path, rows, header="fold,subject,clip,truth,predicted"):
    lines = [f"{r.fold},{r.subject},{r.clip},{r.truth},{r.predicted}" for r in rows]
    path.write_text("\n".join([header, *lines]))
    return path


def test_a_file_is_read_by_common_names_of_columns_and_separators(tmp_path):
    path = tmp_path / "p.tsv"
    path.write_text("Dataset\tSubject ID\tVideo\tGround truth\tPred\nsmic\ts1\tv\ta\tb\n")
    (row,) = read_rows(path)
    assert row == Row(fold="smic/s1", subject="smic/s1", clip="smic/s1/v", truth="a", predicted="b")


def test_scores_are_read_where_no_prediction_is(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("subject,truth,score_a,score_b,epoch\n1,a,0.2,0.7,3\n")
    (row,) = read_rows(path)
    assert (row.predicted, row.epoch, row.clip, row.fold) == ("b", 3, "line 2", "1")


@pytest.mark.parametrize("text", ["", "no table", "subject,truth\n1,a", "a,b\n1,2"])
def test_what_is_no_file_of_predictions_is_refused(tmp_path, text):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=r"Expected CSV|expected subject"):
        read_rows(tmp_path / "p.csv")
    with pytest.raises(DataError, match="There is no"):
        read_rows(tmp_path / "none.csv")


def test_scores_are_found_in_text_tables_and_options(tmp_path):
    (tmp_path / "log").write_text("epoch 3 subject s1: acc=50%\nFinal UF1: 0.871, UAR 87.5\n")
    assert read_claims(tmp_path / "log") == [
        claim("accuracy", 0.5, epoch=3, fold="s1"), claim("uf1", 0.871), claim("uar", 0.875),
    ]  # fmt: skip
    (tmp_path / "log.csv").write_text("epoch,fold,test_acc\n1,s1,0.25\n,s1,0.5\n")
    table = [claim("accuracy", 0.25, epoch=1, fold="s1"), claim("accuracy", 0.5, fold="s1")]
    assert read_claims(tmp_path / "log.csv") == table
    assert claims_of(["uf1=0.5"]) == [claim("uf1", 0.5)]
    with pytest.raises(DataError, match="names no score"):
        claims_of(["best=1"])


@pytest.mark.parametrize(
    ("text", "value"),
    [("uf1=0,87", 0.87), ("uf1=.87", 0.87), ("uf1=87%", 0.87), ("UF1 = 8.7e-1", 0.87)],
)
def test_a_claim_is_read_as_it_is_written(text, value):
    assert claims_of([text])[0].value == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "uf1=0x1",
        "uf1=1_0",
        "uf1=nan",
        "uf1=-1",
        "uf1=0.8.7",
        "uf1=0,8,7",
        "best 3 uf1=1",
        "uf1=1e999",
    ],
)
def test_a_claim_that_is_no_number_is_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"Expected uf1|expected a number"):
        claims_of([text])


@pytest.mark.parametrize(
    "text",
    [
        "loss 3",
        "epoch,uf1\n1,inf\n",
        "epoch,uf1\ninf,1\n",
        f"epoch {'9' * 5000} uf1 0.5",
        "uf1,a\nx,1",
    ],
)
def test_a_log_without_a_score_that_can_be_read_is_refused(tmp_path, text):
    (tmp_path / "log").write_text(text)
    with pytest.raises(DataError):
        read_claims(tmp_path / "log")


@pytest.mark.parametrize("line", ["s1,unused,s1", ",test,s1", "s1,test,nan"])
def test_folds_without_a_known_part_are_refused(tmp_path, line):
    (tmp_path / "f.csv").write_text(f"fold,part,subject\n{line}\n")
    with pytest.raises(DataError, match="expected train, validation or test"):
        read_splits(tmp_path / "f.csv")


def test_ids_that_may_be_one_are_noted_and_stay_two(honest):
    twin = replace(honest.rows[0], subject="SMIC/S01", fold="SMIC/S01", clip="SMIC/S01/c")
    again = replace(honest.rows[0], clip=f"{honest.rows[0].subject}/C00")
    found = check_results([*honest.rows, twin, again])
    told = [one for one in found.findings if one.check == "ids"]
    assert [one.severity for one in told] == ["note", "note"] and found.clips == 444
    assert "'SMIC/S01' and 'smic/s1' may be one subject" in told[0].message
    split = Split(fold="smic/s1", part="train", subject="smic/S1")
    assert checks(check_results(honest.rows, [split]))[0] == "ids"


def test_an_id_with_and_without_its_corpus_may_be_one(honest):
    splits = [
        Split(fold="1", part="train", subject="s1"),
        Split(fold="1", part="test", subject="casme2/s1"),
    ]
    found = check_results(honest.rows, splits).findings
    (finding,) = [one for one in found if one.check == "ids"]
    assert finding.severity == "note" and "'casme2/s1' and 's1'" in finding.message


def test_predictions_that_are_all_right_are_noted(honest):
    right = [replace(row, predicted=row.truth) for row in honest.rows]
    (finding,) = [one for one in check_results(right).findings if one.check == "all right"]
    assert finding.severity == "note" and f"All {len(right)} predictions" in finding.message
    almost = [replace(right[0], predicted=honest.rows[0].predicted), *right[1:]]
    wrong = next(i for i, row in enumerate(honest.rows) if row.predicted != row.truth)
    almost[wrong] = honest.rows[wrong]
    assert "all right" not in checks(check_results(almost))


def test_many_epochs_take_no_memory(honest):
    rows = [replace(honest.rows[0], epoch=epoch) for epoch in (0, 1, 1_000_000)]
    (finding,) = [one for one in check_results(rows).findings if one.check == "epochs"]
    assert "such as 2 of" in finding.message


def test_a_uar_of_1178_is_impossible_and_87_is_percent():
    assert [one.value for one in claims_of(["uar=1.178", "uar=87"])] == [1.178, 0.87]


def test_folds_by_number_and_groups_of_subjects_are_no_mistake(honest):
    numbers = {name: str(i) for i, name in enumerate({row.subject for row in honest.rows})}
    rows = [replace(row, fold=numbers[row.subject]) for row in honest.rows]
    assert check_results(rows).findings == ()
    assert check_results([replace(row, fold=row.fold[:6]) for row in rows]).findings == ()


def test_the_substring_match_is_named_and_its_tests_are_left_out(honest):
    extra = [replace(r, fold="smic/s1") for r in honest.rows if r.subject == "smic/s11"]
    found = check_results([*honest.rows, *extra])
    assert checks(found)[0] == "substring" and "compare ids for equality" in (
        found.findings[0].message
    )
    assert found.corrected == pytest.approx(scores_of(honest.rows)) and found.clips == 442


def test_a_foreign_subject_without_a_common_name_is_no_substring(honest):
    extra = [replace(r, fold="smic/s1") for r in honest.rows if r.subject == "samm/s2"]
    assert checks(check_results([*honest.rows, *extra]))[0] == "foreign clips"


def test_a_claim_that_nothing_explains_is_noted(honest):
    (finding,) = check_results(honest.rows, claims=[claim("uf1", 0.5)]).findings
    assert (finding.check, finding.severity) == ("another number", "note")


def test_fixed_denominators_of_the_composite_are_known(honest):
    extra = [replace(r, fold="smic/s1") for r in honest.rows if r.subject.startswith("smic/s1")]
    rows = [*honest.rows, *extra]
    sizes = {"negative": 250, "positive": 109, "surprise": 83}
    right = [sum(r.predicted == r.truth == c for r in rows) / n for c, n in sizes.items()]
    found = check_results(rows, claims=[claim("uar", round(sum(right) / 3, 4))])
    (finding,) = [one for one in found.findings if one.check == "fixed denominators"]
    assert "250, 109, 83" in finding.message
    assert finding.corrected["uar"] == pytest.approx(scores_of(honest.rows)["uar"])


@pytest.mark.parametrize("name", ["accuracy", "uf1", "uar"])
def test_the_mean_of_folds_is_told_from_the_pooled_score(honest, name):
    folds = {}
    for row in honest.rows:
        folds.setdefault(row.fold, []).append(row)
    mean = sum(scores_of(own)[name] for own in folds.values()) / len(folds)
    classes = check_results(honest.rows, claims=[claim(name, round(mean, 4))])
    assert "mean of folds" in checks(classes)


def test_missing_clips_and_dropped_subjects_count_as_wrong(honest):
    lost = {row.subject for row in honest.rows[:1]}
    rows = [row for row in honest.rows if row.subject not in lost]
    (finding,) = check_results(rows, truth=honest.truth).findings
    assert finding.check == "dropped subjects"
    assert finding.corrected["accuracy"] < scores_of(rows)["accuracy"]
    (finding,) = check_results(honest.rows[1:], truth=honest.truth).findings
    assert finding.check == "missing clips"


def test_other_classes_than_the_corpuss_are_found_and_corrected(honest):
    rows = [replace(honest.rows[0], truth="other"), *honest.rows[1:]]
    (finding,) = check_results(rows, truth=honest.truth).findings
    assert finding.check == "other classes"
    extra = replace(honest.rows[0], subject="x/1", fold="x/1", clip="x/1/a")
    (finding,) = check_results([*honest.rows, extra], truth=honest.truth).findings
    assert finding.check == "foreign clips"


def test_seeds_on_different_clips_are_found(honest):
    rows = [replace(row, seed="0") for row in honest.rows]
    again = [replace(row, seed="1") for row in honest.rows]
    assert check_results([*rows, *again]).findings == ()
    (finding,) = check_results([*rows, *again[1:]]).findings
    assert finding.check == "test sizes"


def test_folds_that_overlap_or_do_not_add_up_are_found(honest):
    sides = [("a", "test", "a"), ("a", "train", "b"), ("b", "test", "b"), ("b", "train", "a")]
    whole = [Split(fold=fold, part=part, subject=who) for fold, part, who in sides]
    rows = [Row(fold=w, subject=w, clip=w, truth=w, predicted=w) for w in "ab"]
    assert check_results(rows, whole).findings == ()
    both = [*whole, Split(fold="a", part="validation", subject="a")]
    (finding,) = check_results(rows, both).findings
    assert finding.check == "subject overlap" and "a" in finding.message
    (finding,) = check_results(rows, whole[:2]).findings
    assert finding.check == "test sizes" and "1 in none (b)" in finding.message


def test_predictions_of_all_epochs_tell_a_claim_of_the_best_one(honest):
    """Every fifth clip is wrong in the last epoch of even folds, in the first one of others."""
    folds = sorted({row.fold for row in honest.rows})
    worse = [
        replace(row, predicted="surprise" if row.truth == "negative" else "negative")
        if number % 5 == 0
        else row
        for number, row in enumerate(honest.rows)
    ]
    first, last = [], []
    for row, bad in zip(honest.rows, worse, strict=True):
        is_even = folds.index(row.fold) % 2 == 0
        first.append(replace(row if is_even else bad, epoch=1))
        last.append(replace(bad if is_even else row, epoch=2))
    best = scores_of(honest.rows)["accuracy"]
    found = check_results([*first, *last], claims=[claim("accuracy", round(best, 4))])
    (finding,) = [one for one in found.findings if one.check == "best epoch"]
    assert finding.corrected["accuracy"] == pytest.approx(scores_of(last)["accuracy"])


def test_a_log_whose_folds_tell_their_best_epoch_is_found(honest):
    best, last = [0.5, 1.0, 0.5], [0.5, 0.5, 1.0]
    epochs = [
        claim("accuracy", value, epoch=i, fold=f"s{fold}")
        for fold in range(4)
        for i, value in enumerate(best if fold else last)
    ]
    told = [claim("accuracy", 1.0, fold=f"s{fold}") for fold in range(4)]
    (finding,) = check_results(honest.rows, claims=[*epochs, *told]).findings
    assert finding.check == "best epoch" and finding.corrected == {"accuracy": 0.625}
    honestly = [claim("accuracy", 1.0 - 0.5 * bool(f), fold=f"s{f}") for f in range(4)]
    assert check_results(honest.rows, claims=[*epochs, *honestly]).findings == ()


def test_the_shape_of_a_chosen_epoch_is_noted_and_that_of_chance_is_not(honest):
    assert check_shape(honest.rows) == []
    sizes = {row.fold: sum(r.fold == row.fold for r in honest.rows) for row in honest.rows}
    lucky = [replace(r, predicted=r.truth) if sizes[r.fold] < 6 else
             replace(r, predicted="negative") for r in honest.rows]  # fmt: skip
    (finding,) = check_shape(lucky)
    assert finding.severity == "note" and "chosen on each tested subject" in finding.message


def test_files_are_judged_with_folds_log_claims_and_clips(tmp_path):
    clips = [make_clip(subject=s, name=n, emotion="happiness" if n == "a" else "disgust")
             for s in ("s1", "s2") for n in "ab"]  # fmt: skip
    words = {"happiness": "positive", "disgust": "negative"}
    clips.append(make_clip(subject="s1", name="c", emotion="surprise"))
    words["surprise"] = "surprise"
    rows = [Row(fold=c.subject_id, subject=c.subject_id, clip=c.key, truth=words[c.emotion],
                predicted=words[c.emotion]) for c in clips]  # fmt: skip
    path = write(tmp_path / "p.csv", rows)
    (tmp_path / "f.csv").write_text(
        "fold,part,subject\ndemo/s1,test,demo/s1\ndemo/s2,test,demo/s2\n"
    )
    assert len(read_splits(tmp_path / "f.csv")) == 2
    (tmp_path / "log").write_text("UF1 1.0")
    assert check_published(path, tmp_path / "f.csv", tmp_path / "log", clips=clips).findings == ()
    found = check_published(path, claims=["accuracy=0.9"], clips=clips[1:])
    assert checks(found) == ["foreign clips", "impossible value"]
    (tmp_path / "f.csv").write_text("fold,who\n1,2\n")
    with pytest.raises(DataError, match="expected fold, part"):
        read_splits(tmp_path / "f.csv")


def seeded(honest, seeds=3):
    rng = random.Random(1)
    return [
        replace(row, seed=str(seed), predicted=row.truth if rng.random() < 0.6 else "negative")
        for seed in range(seeds)
        for row in honest.rows
    ]


def test_the_mean_over_seeds_is_no_mistake_and_their_vote_is_noted(honest):
    rows = seeded(honest)
    mean = sum(scores_of([r for r in rows if r.seed == str(s)])["uf1"] for s in range(3)) / 3
    assert check_results(rows, claims=[claim("uf1", round(mean, 4))]).findings == ()
    votes = {}
    for row in rows:
        votes.setdefault(row.clip, []).append(row.predicted)
    voted = [replace(r, predicted=max(votes[r.clip], key=votes[r.clip].count)) for r in honest.rows]
    told = round(scores_of(voted)["uf1"], 4)
    (finding,) = check_results(rows, claims=[claim("uf1", told)]).findings
    assert (finding.check, finding.severity) == ("vote of seeds", "note")


def test_other_numbers_of_clips_than_the_composite_has_are_noted(honest):
    (finding,) = check_results(honest.rows[1:]).findings
    assert (finding.check, finding.severity) == ("clips", "note")
    assert "163 clips of smic in place of 164" in finding.message
    assert check_results([row for row in honest.rows if row.subject[0] == "c"]).findings == ()


def test_folds_of_clips_are_told_from_groups_of_subjects(honest):
    rows = [replace(row, fold=str(i % 5)) for i, row in enumerate(honest.rows)]
    (finding,) = check_results(rows).findings
    assert finding.check == "folds of clips" and "cannot be corrected" in finding.message
    repeated = [replace(row, fold=str(fold)) for fold in range(2) for row in honest.rows]
    assert checks(check_results(repeated)) == ["duplicates"]


def test_an_accuracy_that_no_number_of_clips_gives_is_impossible(honest):
    (finding,) = check_results(honest.rows, claims=[claim("accuracy", 0.9012)]).findings
    assert finding.check == "impossible value" and "of 442 gives it" in finding.message
    for value in (0.9005, 0.9):
        (finding,) = check_results(honest.rows, claims=[claim("accuracy", value)]).findings
        assert finding.check == "another number"


def test_predictions_beside_the_scores_are_a_mistake_where_they_win_too_often(honest):
    """Tuned thresholds win and lose: only what chance does not give is called a leak."""

    def severity(wins, losses):
        won = [replace(r, predicted=r.truth, best="x") for r in honest.rows[:wins]]
        lost = [replace(r, predicted="x", best=r.truth) for r in honest.rows[wins : wins + losses]]
        found = check_results([*won, *lost, *honest.rows[wins + losses :]]).findings
        return {one.severity for one in found if one.check == "other than scores"}

    assert severity(20, 12) == severity(0, 9) == severity(5, 0) == {"note"}
    assert severity(20, 1) == severity(12, 0) == {"leak"}
