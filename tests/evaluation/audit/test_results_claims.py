"""How a claimed score came about, on results that are small enough to count by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from openmer.errors import DataError
from openmer.evaluation.audit._results import _check_truth, _foreign, _last_epochs, check_results
from openmer.evaluation.audit._results_cells import (
    check_words,
    epoch_of,
    known_cells,
    near_misses,
    number,
)
from openmer.evaluation.audit._results_claims import (
    _absent_counted,
    _best_epochs,
    _best_seeds,
    _fixed_denominators,
    _means_of_folds,
    _no_share,
    _vote,
    check_claims,
    check_epochs,
    check_shape,
    check_sizes,
)
from openmer.evaluation.audit._results_table import Claim, Row, claims_of, read_claims

# Fold s0 tests a, a, b and gets two right; s1 tests b, c and gets one right. Pooled: a 1/2, b 1/2,
# c 1/1 are right.
TOLD = {"s0": ("aa", "ab", "bb"), "s1": ("ba", "cc")}


def rows_of(told, **changes):
    return [
        Row(fold=fold, subject=fold, clip=f"{fold}/{i}", truth=t, predicted=p, **changes)
        for fold, pairs in told.items()
        for i, (t, p) in enumerate(pairs)
    ]


ROWS = rows_of(TOLD)


def claimed(name, value, rows=ROWS, **changes):
    """Return check and message of what is said of a claim."""
    final = _last_epochs(rows)
    found = check_claims(rows, final, final, [Claim(name=name, value=value, **changes)])
    return [(one.check, one.message) for one in found]


@pytest.mark.parametrize(
    ("name", "value"), [("accuracy", 0.6), ("accuracy", 0.6004), ("uar", 2 / 3), ("uf1", 2 / 3)]
)
def test_the_pooled_scores_are_not_explained(name, value):
    assert claimed(name, value) == []
    assert claimed(name, 0.123, epoch=0) == claimed(name, 0.123, epoch=0, fold="s0") == []
    assert claimed(name, 0.123, fold="s0") == []


@pytest.mark.parametrize(
    ("name", "value", "check", "message"),
    [
        # folds: s0 2/3, s1 1/2; recalls s0 a 1/2 b 1, s1 b 0 c 1; F1 s0 2/3 and 2/3, s1 0 and 1.
        ("accuracy", 7 / 12, "mean of folds", "is the mean over folds, absent classes left out"),
        ("uar", 5 / 8, "mean of folds", "is the mean over folds, absent classes left out"),
        ("uar", 5 / 12, "mean of folds", "is the mean over folds, absent classes counted as 0"),
        ("uar", 3 / 4, "mean of folds", "is the mean over folds, absent classes counted as 1"),
        ("accuracy", 2 / 3, "another score", "the mean precision of the classes: rows and"),
        ("uf1", 0.6, "another score", "is F1 weighted by the classes' clips"),
        ("accuracy", 0.7, "impossible value", "of 5 gives it, the nearest is 0.8000"),
        ("uf1", 1.2, "impossible value", "uf1 1.2 is impossible: no share is above 1."),
        ("uf1", 0.3, "another number", "no known mistake makes it: they give 0.6667."),
    ],
)
def test_a_claim_is_explained_by_what_makes_it(name, value, check, message):
    ((found, told),) = claimed(name, value)
    assert found == check and message in told


def test_a_score_above_1_is_none_even_where_it_is_near():
    right = rows_of({"s0": ("aa", "bb")})
    assert claimed("accuracy", 1.0, right) == [] != claimed("accuracy", 1.0004, right)
    assert [check for check, _ in claimed("accuracy", 1.0006, right)] == ["impossible value"]


def test_the_mean_of_corpora_the_best_seed_and_the_vote_are_told_apart():
    corpora = rows_of({"x/s0": ("aa", "ab", "bb", "bb"), "y/s1": ("ab", "bb")})
    assert claimed("accuracy", 5 / 8, corpora)[0][0] == "mean of folds"
    grouped = [replace(row, fold="all") for row in corpora]
    assert claimed("accuracy", 5 / 8, grouped) == [
        ("mean of corpora", "accuracy 0.625 is the mean over corpora, not that of all clips.")
    ]
    first = rows_of({"s0": ("aa", "aa", "bb", "bb"), "s1": ("ab", "bb", "ba", "ba")}, seed="0")
    other = rows_of({"s0": ("aa", "ab", "bb", "ba"), "s1": ("aa", "bb", "bb", "ba")}, seed="1")
    third = rows_of({"s0": ("ab", "ab", "bb", "ba"), "s1": ("ab", "ba", "bb", "ba")}, seed="2")
    seeds = [*first, *other, *third]
    assert _best_seeds(seeds, lambda counts: counts.trace() / counts.sum()) == 7 / 8
    assert claimed("accuracy", 7 / 8, seeds)[0][1].endswith("best seed of each tested subject.")
    assert [row.predicted for row in _vote(seeds)] == list("abbabbba")
    assert claimed("accuracy", (5 / 8 + 5 / 8 + 2 / 8) / 3, seeds) == []


def test_absent_classes_count_as_asked_and_an_accuracy_has_none():
    rows = rows_of({"s0": ("aa", "bc")})
    assert _absent_counted("uar", rows, "abc", 0.0) == pytest.approx(1 / 3)
    assert _absent_counted("uar", rows, "abc", 1.0) == pytest.approx(2 / 3)
    assert _absent_counted("uf1", rows, "abc", 1.0) == pytest.approx(2 / 3)
    nothing = (
        _absent_counted("accuracy", rows, "abc", 1.0),
        _absent_counted("uar", ROWS, "abc", 1),
    )
    assert all(value != value for value in nothing)
    assert list(_means_of_folds("uar", rows, "abc")) == []
    ways = dict(_means_of_folds("accuracy", ROWS, "abc"))
    assert ways == {"absent classes left out": pytest.approx(7 / 12)}


def test_fixed_denominators_are_told_with_the_largest_value_that_they_give():
    twice = [*ROWS, replace(ROWS[0], fold="s1")]  # 3 of a are tested, 2 are there
    ((check, how),) = _fixed_denominators((2 / 2 + 1 / 2 + 1) / 3, twice, ROWS, "abc")
    assert check == "fixed denominators"
    assert how == (
        "divides by 2, 2, 1 clips of the classes, while 3, 2, 1 are tested: its largest value is "
        "1.1667, not 1. As a share of that it is 0.714"
    )
    assert list(_fixed_denominators(0.5, twice, ROWS, "abc")) == []
    right = (2 / 250 + 1 / 109 + 1 / 83) / 3
    ((_, how),) = _fixed_denominators(right + 0.0005, twice, ROWS, "abc")
    assert how.startswith("divides by 250, 109, 83 clips")
    assert list(_fixed_denominators(right + 0.0006, twice, ROWS, "abc")) == []
    two = rows_of({"s0": ("aa", "bb")})
    assert list(_fixed_denominators(right, two, two, "ab")) == []


def test_no_number_of_clips_gives_an_accuracy_but_for_how_it_is_rounded():
    def told(value, rows=ROWS, name="accuracy", seeds=1):
        return bool(_no_share(Claim(name=name, value=value), [rows] * seeds))

    assert told(0.7) and not told(0.6) and not told(0.8) and not told(0.7, name="uar")
    assert not told(0.7, seeds=2)
    many = rows_of({"s": ["aa"] * 7})
    assert not told(0.43, many) and not told(0.4286, many) and told(0.44, many)
    assert not told(0.429, many) and told(0.431, many)


def test_the_best_epoch_of_each_fold_is_the_one_with_most_clips_right():
    early, late = rows_of({"s0": ("aa", "bb")}, epoch=0), rows_of({"s0": ("aa", "ba")}, epoch=1)
    other = rows_of({"s1": ("aa",)}, epoch=1)
    assert _best_epochs([*early, *late, *other]) == [*early, *other]
    assert _best_epochs([*early, *other]) == _best_epochs([]) == []
    assert _last_epochs([*early, *late, *other]) == [*late, *other]


def test_epochs_that_are_left_out_or_differ_are_noted_with_the_first_of_them():
    assert check_epochs([]) == check_epochs([("s0", -1), ("s1", -1)]) == []
    assert check_epochs([("s0", e) for e in range(3)] + [("s1", e) for e in range(3)]) == []
    assert check_epochs([("", 0), ("", 5), ("", 10)]) == []  # every fifth
    (gap,) = check_epochs([("s0", e) for e in (0, 1, 2)] + [("s1", e) for e in (0, 2)])
    assert gap.message.startswith("1 of 2 folds leave out epochs, such as 1 of s1. Ask for all")
    (gap,) = check_epochs([("", 0), ("", 1), ("", 3)])
    assert "such as 2 of the whole." in gap.message
    (ends,) = check_epochs([("s0", 0), ("s0", 1), ("s1", 0)])
    assert ends.message.startswith("Folds end with different epochs, from 0 to 1. Ask")
    assert (ends.check, ends.severity) == ("epochs", "note")


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        # by fold: the best is told, the last is told, both are one, and half of each
        ("s0 1 .5 .9, s0 - .9", []),
        ("s0 0 .9, s0 1 .5, s0 - .9, s1 0 .8, s1 1 .4", ["1 of 2 folds tell the best"]),
        ("s0 0 .9, s0 1 .5, s0 - .9, s1 0 .8", ["1 of 1 folds tell the best"]),
        ("s0 0 .9, s0 1 .5, s0 - .5, s1 0 .8, s1 1 .4", []),
        ("s0 0 .9, s0 1 .5, s0 - .9, s1 0 .8, s1 1 .4, s1 - .4", []),
        ("s0 0 .5, s0 1 .9, s0 - .9", []),
        ("s0 0 .9, s0 - .9", []),
        # the mean of the best epochs is told as the score of the whole
        ("s0 0 .9, s0 1 .5, s1 0 .7, s1 1 .4, * - .8", ["2 of 2 folds tell the best"]),
        ("s0 0 .9, s0 1 .5, s1 0 .7, s1 1 .4, * - .45", []),
        ("s0 0 .5, s0 1 .9, s1 0 .4, s1 1 .7, * - .8", []),
        ("* 0 .9, * 1 .5, * - .9", ["1 of 1 folds tell the best"]),
    ],
)
def test_a_log_tells_which_epoch_a_score_is_of(claims, told):
    found = []
    for text in claims.split(", "):
        fold, epoch, *values = text.split(" ")
        fold = "" if fold == "*" else fold
        for value in values:
            at = -1 if epoch == "-" else int(epoch)
            found.append(Claim(name="uar", value=float(value), epoch=at, fold=fold))
    leaks = [one for one in check_claims(ROWS, ROWS, ROWS, found) if one.check == "best epoch"]
    assert [one.message.partition(": ")[2].partition(" of their")[0] for one in leaks] == told
    for one in leaks:
        (mean,) = one.corrected.values()
        assert f"of the last {mean:.3f}." in one.message


def test_the_shape_needs_many_folds_of_different_sizes():
    few = rows_of({f"s{i}": ["aa"] * (1 + i % 3) for i in range(11)})
    even = rows_of({f"s{i}": ["aa", "ab"] for i in range(12)})
    assert check_shape(few) == check_shape(even) == check_shape([]) == []
    lucky = {f"s{i}": ["aa"] if i < 8 else ["aa", *["ab"] * 5] for i in range(12)}
    (found,) = check_shape(rows_of(lucky))
    assert "the mean of folds is +0.347 above the pooled accuracy, which chance does in 0.30%" in (
        found.message
    )
    unlucky = {f"s{i}": ["ab"] if i < 8 else ["ab", *["aa"] * 5] for i in range(12)}
    assert check_shape(rows_of(unlucky)) == []


def test_sizes_of_the_composite_are_compared_where_all_of_its_corpora_are_there():
    def rows(**sizes):
        told = {f"{name}/s": ["aa"] * size for name, size in sizes.items()}
        return [*rows_of(told, seed="0"), *rows_of(told, seed="1")]

    assert check_sizes(rows(smic=164, casme2=145, samm=133)) == []
    assert check_sizes(rows(smic=164, casme2=144)) == []
    (found,) = check_sizes(rows(smic=164, casme2=144, samm=134, x=3))
    assert found.message.startswith(
        "144 clips of casme2 in place of 145, 134 clips of samm in place of 133 of the MEGC"
    )


def test_tests_outside_of_the_own_fold_are_foreign_where_there_is_one():
    rows = rows_of({"s1": ("aa", "bb"), "s2": ("aa",)})
    other = replace(rows[0], fold="s2")
    assert _foreign([*rows, other]) == {other}
    assert _foreign([replace(row, fold=f"group {i}") for i, row in enumerate(rows)]) == set()


def test_clips_of_the_corpus_that_are_not_tested_count_as_wrong():
    rows = rows_of({"s1": ("aa", "bb")})
    truth = {"s1/0": "a", "s1/1": "b"}
    assert _check_truth(rows, truth) == (rows, [])
    kept, (missing,) = _check_truth(rows, {**truth, "s1/2": "a", "s2/0": "b"})
    assert kept == rows and missing.check == "dropped subjects"
    assert missing.message.startswith(
        "2 of 4 clips are never tested, with all clips of s2 (s1/2, s2/0)."
    )
    assert missing.corrected["accuracy"] == 0.5
    kept, (order,) = _check_truth(rows, {"s1/0": "b", "s1/1": "a"})
    assert order.check == "misaligned order" and [row.truth for row in kept] == ["b", "a"]
    assert "2 of 2 clips have another class" in order.message
    _, (classes,) = _check_truth(rows, {"s1/0": "b", "s1/1": "b"})
    assert classes.check == "other classes" and classes.corrected["accuracy"] == 0.5


def test_all_right_is_noted_from_twenty_clips_on():
    right = rows_of({"s": ["aa", "bb"] * 10})
    assert [one.check for one in check_results(right).findings] == ["all right"]
    assert check_results(right[:19]).findings == ()
    found = check_results([*right, replace(right[0], clip="s/x", predicted="b")])
    assert found.findings == () and found.clean and (found.clips, found.subjects) == (21, 1)


def test_numbers_and_epochs_have_bounds():
    assert epoch_of("1000000", "here") == 1_000_000 and epoch_of("", "here") == -1
    assert number(" -1.5e2", "here") == -150
    for text in ("1000001", "1.5", "-1"):
        with pytest.raises(DataError, match=r"here has the epoch .* of 0 to 1,000,000"):
            epoch_of(text, "here")
    for text in ("1_0", "1e999", "-1e999", "x"):
        with pytest.raises(DataError, match="expected a number"):
            number(text, "here")


def test_columns_that_are_near_or_hold_a_name_are_told():
    assert near_misses(["zzzz"], ["subject"]) == near_misses(["subject"], []) == ""
    assert near_misses(["xxxxsubxxxxxx"], ["subject"]) == " ('xxxxsubxxxxxx' may be subject)"
    assert near_misses(["Subjct", "q"], ["subject"]) == " ('Subjct' may be subject)"
    assert near_misses(["xyx"], ["truth"]) == ""  # "y" is a name of it, and stands in anything
    assert known_cells({"name": " n ", "clip": "c", "Sub": "s", "x": ""}) == {
        "clip": "c", "subject": "s",
    }  # fmt: skip


def test_words_that_no_prediction_shares_are_refused():
    check_words(Path("p"), {"a"}, {"b"})
    check_words(Path("p"), {"a", "b"}, {"b", "c"})
    for truth, predicted in (({"a"}, {"b", "c"}), ({"a", "b"}, {"c"}), ({"a", "b"}, {"c", "d"})):
        with pytest.raises(DataError, match="no prediction could be right"):
            check_words(Path("p"), truth, predicted)
    with pytest.raises(DataError, match="which is a score"):
        check_words(Path("p"), {"a"}, {"0.5"})
    with pytest.raises(DataError, match="which may be one"):
        check_words(Path("p"), {"a"}, {"A"})


def test_percent_is_what_is_above_two_or_says_so(tmp_path):
    told = [claims_of([text])[0].value for text in ("uar=2", "uar=2.5", "uar=1%", "acc: 87,5 %")]
    assert told == [2, 0.025, 0.01, 0.875]
    (tmp_path / "log").write_text("epoch 0, fold a/1: war 50%\nEpoch=12 held-out: b UF1 .5\n")
    assert read_claims(tmp_path / "log") == [
        Claim(name="accuracy", value=0.5, epoch=0, fold="a/1"),
        Claim(name="uf1", value=0.5, epoch=12, fold="b"),
    ]
