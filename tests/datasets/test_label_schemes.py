"""Label schemes as data: files, tables, further words, every word a class, action units."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmer.clip import Clip
from openmer.datasets import LabelScheme, label_scheme, labelled, parse_action_units
from openmer.datasets._action_units import combinations_of
from openmer.errors import ConfigError, DataError, ProtocolError
from openmer.methods import load_method, with_label_scheme

WORDS = ("joy", "rage", "calm")


def clips_of(*words, action_units=()):
    codings = action_units or [""] * len(words)
    return [
        Clip(corpus="lab", subject=f"s{i}", name="c", emotion=word, action_units=coding)
        for i, (word, coding) in enumerate(zip(words, codings, strict=True))
    ]


def test_a_class_is_not_made_of_what_r_writes_for_none(tmp_path):
    (tmp_path / "mine.csv").write_text('"word","class"\n"joy","up"\n"rage","down"\n"calm",NA\n')
    with pytest.raises(DataError, match="row 4: the class is called 'NA'"):
        label_scheme(str(tmp_path / "mine.csv"))


def test_a_toml_file_a_table_and_a_csv_file_say_the_same(tmp_path):
    (tmp_path / "mine.csv").write_text("word,class,reason\njoy,up,\nRage,down,\ncalm,,unclear\n")
    text = 'dropped = ["calm"]\n[label_scheme.classes]\nup = ["joy"]\ndown = ["rage"]\n'
    (tmp_path / "mine.toml").write_text("[label_scheme]\n" + text)
    (tmp_path / "flat.toml").write_text(
        text.replace("label_scheme.", "") + 'name = "mine"\n'.join([""])
    )
    schemes = [label_scheme(str(tmp_path / name)) for name in ("mine.csv", "mine.toml")]
    schemes.append(label_scheme(str(tmp_path / "flat.toml")).model_copy(update={"name": "mine"}))
    for scheme in schemes:
        assert scheme == schemes[0]
        assert scheme.classes == ("up", "down")
        assert [scheme.index_of(word) for word in (" JOY", "rage", "calm")] == [0, 1, None]


def test_a_method_keeps_a_scheme_that_has_no_name_of_its_own(tmp_path):
    (tmp_path / "mine.csv").write_text("word,class\njoy,up\nrage,down\n")
    method = load_method("flow-svm", [f"label_scheme={tmp_path / 'mine.csv'}"])
    assert method.scheme.classes == ("up", "down")
    (tmp_path / "mine.csv").unlink()
    again = type(method).model_validate(method.model_dump(mode="json", exclude_none=True))
    assert again == method
    assert load_method("flow-svm", ["label_scheme=casme2-5"]).label_scheme == "casme2-5"
    assert with_label_scheme(method, "samm-5").label_scheme == "samm-5"
    assert with_label_scheme(method, "as-annotated:2").scheme.minimum == 2


@pytest.mark.parametrize(
    "table",
    [
        {"classes": {"up": ["joy"], "down": ["JOY "]}},
        {"classes": ("up", "down"), "words": {"gen\u00e9": "up", "Gene\u0301": "down"}},
        {"classes": {"up": ["4+7"], "down": ["7+L4"]}, "by": "action_units"},
    ],
)
def test_a_word_belongs_to_one_class_however_it_is_written(table):
    with pytest.raises(ValueError, match="belongs to two classes, up and down"):
        LabelScheme.model_validate(table)


@pytest.mark.parametrize("spec", ["as-annotated:{}", "au:{}"])
def test_numbers_without_end_are_named(spec):
    with pytest.raises(ConfigError, match=r"found '9{60}"):
        label_scheme(spec.format("9" * 5000))


def test_the_name_of_a_file_may_hold_commas(tmp_path):
    path = tmp_path / "s,9.csv"
    path.write_text("word,class\njoy,up\nrage,down\n")
    scheme = label_scheme(f"{path},calm=up")
    assert (scheme.name, scheme.index_of("calm")) == ("s,9,calm=up", 0)
    with pytest.raises(DataError, match=r"found nothing"):
        label_scheme(f"{tmp_path}/x.csv,9.csv")


def test_a_word_is_known_in_both_unicode_forms():
    scheme = LabelScheme.model_validate({"classes": {"a": ["gen\u00e9"], "b": ["x"]}})
    assert scheme.index_of("GENE\u0301 ") == 0


def test_words_outside_are_refused_all_at_once_with_what_to_type():
    clips = clips_of("joy", "joy", "calm", "surprise")
    with pytest.raises(DataError) as found:
        labelled(clips, label_scheme("megc2019-3"))
    text = str(found.value)
    assert "'joy' (2 clips), 'calm' (1 clip) are outside the scheme 'megc2019-3'" in text
    for spec in ("megc2019-3,calm=positive", "megc2019-3,calm=,joy=", "as-annotated"):
        assert spec in text
    kept, targets = labelled(
        [*clips, *clips_of("anger")], label_scheme("megc2019-3,joy=positive,calm=")
    )
    assert (len(kept), targets) == (4, (1, 1, 2, 0))


def test_every_word_is_a_class_with_enough_clips():
    clips = clips_of(*"aabbbc", "D", "d")
    assert label_scheme("as-annotated").resolved(clips).classes == ("a", "b", "c", "d")
    scheme = label_scheme("as-annotated:2,b=").resolved(clips)
    assert (scheme.classes, scheme.dropped) == (("a", "d"), ("b", "c"))
    with pytest.raises(ProtocolError, match="'b' \\(3 clips\\)"):
        label_scheme("as-annotated:3").resolved(clips)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("megc2019", "megc2019-3"),
        ("megc2019-3,joy", "word=class"),
        ("megc2019-3,joy=glad", "negative, positive, surprise"),
        ("as-annotated:many", "as-annotated:5"),
        ("nowhere.toml", "nowhere.toml"),
    ],
)
def test_a_wrong_spec_says_what_is_expected(spec, text):
    with pytest.raises(ConfigError, match=text):
        label_scheme(spec)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"classes": ["a"]}, "too few"),
        ({"classes": ["a", "a"]}, "one name"),
        ({"classes": ["\u00e9", "E\u0301"]}, "one name"),
        ({"classes": {"a": ["x"], "b": ["x"]}}, "two classes"),
        ({"classes": {"a": [1], "b": ["x"]}}, "expected words"),
        ({"classes": ["a", "b"], "dropped": ["a"]}, "dropped, too"),
        ({"classes": ["a", "b"], "outside": "c"}, "no class c"),
        ({"classes": {"I": ["4+joy"], "II": ["5"]}, "by": "action_units"}, "joy"),
    ],
)
def test_a_scheme_that_contradicts_itself_is_refused(table, text):
    with pytest.raises((ValueError, DataError), match=text):
        LabelScheme.model_validate(table)


def test_objective_classes_follow_the_action_units():
    codings = [
        "L12",
        "7+R6+12B",
        "1+2",
        "4+7",
        "4+9",
        "AU1",
        "1+2+4",
        "14",
        "?",
        "12 or 6",
        "4 or 9",
    ]
    clips = clips_of(*["x"] * len(codings), action_units=codings)
    seven, five = label_scheme("objective-7"), label_scheme("objective-5")
    names = [None if t is None else seven.classes[t] for t in map(seven.target, clips)]
    assert names == ["I", "I", "II", "III", "IV", "V", "VI", "VII", None, "I", "VII"]
    assert [five.target(clip) for clip in clips] == [0, 0, 1, 2, 3, 4, None, None, None, 0, None]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("4", ["4"]),
        ("4+L10", ["4", "L10"]),
        ("R6+R12", ["R6", "R12"]),
        ("5B+24", ["5B", "24"]),
        ("ref(L10)+A12B", ["L10", "A12B"]),
        ("R12 or R15", ["R12?", "R15?"]),
        ("12/14", ["12?", "14?"]),
        ("4(k)", ["4"]),
        ("14\uff08L\uff09", ["L14"]),
        ("4\uff0c7", ["4", "7"]),
        ("AU4+AU7", ["4", "7"]),
        ("4+7?", ["4", "7?"]),
        ("4+?", ["4"]),
        ("1 2", ["1", "2"]),
        ("0", []),
    ],
)
def test_the_corpora_write_action_units_in_many_ways(text, units):
    found = [
        f"{one.side}{one.number}{one.intensity}{'?' * one.doubtful}"
        for place in parse_action_units(text) or ()
        for one in place
    ]
    assert found == units


@pytest.mark.parametrize("text", ["", "?", " / ", "nan"])
def test_a_clip_that_nobody_coded_has_no_units(text):
    assert parse_action_units(text) is None
    assert combinations_of(text) == ()


@pytest.mark.parametrize("text", ["joy", "4+smile", "123", "4--7"])
def test_what_is_no_unit_is_named(text):
    with pytest.raises(DataError, match="is no unit"):
        parse_action_units(text)


@given(st.lists(st.integers(1, 99), min_size=1, max_size=6))
def test_a_combination_is_its_own_coding(numbers):
    text = "+".join(map(str, numbers))
    assert combinations_of(text) == ("+".join(map(str, sorted(set(numbers)))),)
    assert combinations_of(combinations_of(text)[0]) == combinations_of(text)


@given(st.lists(st.sampled_from(WORDS), min_size=2).filter(lambda words: len(set(words)) > 1))
def test_as_annotated_keeps_every_clip_and_its_word(words):
    scheme = label_scheme("as-annotated").resolved(clips_of(*words))
    kept, targets = labelled(clips_of(*words), scheme)
    assert Counter(scheme.classes[target] for target in targets) == Counter(words)
    assert len(kept) == len(words)
