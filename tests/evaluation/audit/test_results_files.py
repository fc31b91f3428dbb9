"""Predictions in other people's shapes are read, or refused with what they may have meant."""

import json

import numpy as np
import pytest
from tests.contracts.leaks._published import honest_results

from openmer.errors import DataError
from openmer.evaluation.audit._results import check_results
from openmer.evaluation.audit._results_table import Row, read_rows


def rows_of(tmp_path, text, name="p.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read_rows(path)


ONE = Row(fold="s1", subject="s1", clip="s1/v", truth="happy", predicted="sad")


@pytest.mark.parametrize(
    "text",
    [
        "subject,clip,truth,predicted\ns1,v,happy,sad",
        "Subject_ID;Video Name;GT;y_pred\ns1;v;happy;sad",
        "sub\tfilename\tTrue Label\tPredicted Label\ns1\tv\thappy\tsad",
        ",subjects,clips,labels,preds\n0,s1,v,happy,sad",
        "participant,sequence,emotion,yhat\r\ns1,v,happy,sad\r\n",
    ],
)
def test_columns_of_many_names(tmp_path, text):
    assert rows_of(tmp_path, text) == [ONE]
    assert rows_of(tmp_path, text, encoding="utf-8-sig") == [ONE]
    assert rows_of(tmp_path, text, encoding="utf-16") == [ONE]


def test_truth_as_rows_of_0_and_1_and_scores_named_after_the_classes(tmp_path):
    text = "subject,clip,truth_happy,truth_sad,prob_happy,prob_sad\ns1,v,1.0,0.0,0.2,0.8"
    assert rows_of(tmp_path, text) == [ONE]
    text = "subject;clip;label;happy;sad\ns1;v;happy;0,2;0,8\ns1;w;sad;0,2;0,8"
    assert rows_of(tmp_path, text)[0] == ONE


def test_numbers_lose_their_point_and_scores_beside_predictions_are_kept(tmp_path):
    text = "subject,truth,pred,p_0,p_1\ns1,1.0,0,0.2,0.8\ns1,0,0,0.5,0.5"
    first, second = rows_of(tmp_path, text)
    assert (first.truth, first.predicted, first.best, second.best) == ("1", "0", "1", "0")
    (finding,) = check_results([first, second]).findings
    assert finding.check == "other than scores" and finding.corrected["accuracy"] == 1
    assert finding.severity == "note"


def test_the_first_of_equal_scores_is_predicted(tmp_path):
    first, second = rows_of(tmp_path, "subject,truth,p_a,p_b\ns1,a,0.5,0.5\ns1,b,0.1,0.9")
    assert (first.predicted, first.best, second.predicted) == ("a", "", "b")


def test_ties_between_rounded_scores_that_go_to_the_truth_are_told(tmp_path):
    truth = [(f"s{i // 3}", "ab"[i % 2]) for i in range(40)]

    def read(predicted):
        lines = [f"{who},{what},{predicted or what},0.5,0.5" for who, what in truth]
        return rows_of(tmp_path, "\n".join(["subject,truth,predicted,p_a,p_b", *lines]))

    first, true = read("a"), read("")
    assert {row.best for row in first} == {"a"}
    assert "other than scores" not in {one.check for one in check_results(first).findings}
    (found,) = (one for one in check_results(true).findings if one.check == "other than scores")
    assert found.severity == "leak" and found.corrected["accuracy"] == 0.5
    neither = rows_of(tmp_path, "subject,truth,pred,p_a,p_b,p_c\ns1,a,c,0.5,0.5,0\ns1,b,a,1,0,0")
    assert [row.best for row in neither] == ["", "a"]


def test_a_file_of_a_folder_with_other_columns_is_named(tmp_path):
    text = "clip,truth,predicted,p_a,p_b\nv,a,a,0.9,0.1\n"
    for name in ("s1.csv", "s2.txt"):
        (tmp_path / name).write_text(text)
    (tmp_path / "README.txt").write_text("How we trained, in short, and why.\n")
    (tmp_path / "log.txt").write_text("epoch 1\n")
    assert [row.subject for row in read_rows(tmp_path)] == ["s1", "s2"]
    (tmp_path / "s3.csv").write_text("clip,truth,predicted,p_a\nv,a,a,0.9\n")
    with pytest.raises(DataError, match=r"s3\.csv has the columns .* found no p_b"):
        read_rows(tmp_path)
    (tmp_path / "s3.csv").rename(tmp_path / "elsewhere")
    (tmp_path / "splits.csv").write_text("fold,part,subject\ns1,test,s1\n")
    with pytest.raises(DataError, match=r"splits\.csv .* found no truth and no p_a"):
        read_rows(tmp_path)


def test_a_folder_has_a_file_for_each_fold(tmp_path):
    for name in ("s1", "s2"):
        (tmp_path / f"{name}.csv").write_text("clip,truth,predicted\nv,happy,sad\n")
    (tmp_path / "readme.md").write_text("no table")
    rows = read_rows(tmp_path)
    assert rows[0] == ONE and rows[1].fold == rows[1].subject == "s2"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="Give one a fold"):
        read_rows(tmp_path / "empty")


def test_arrays_of_numpy(tmp_path):
    path = tmp_path / "p.npz"
    np.savez(path, subject=["s1"], clip=["v"], y_true=[[0, 1]], probs=[[0.8, 0.2]],
             classes=["sad", "happy"])  # fmt: skip
    assert read_rows(path) == [ONE]
    np.savez(path, subjects=["s1"], labels=[1], preds=[0])
    assert [(row.truth, row.predicted) for row in read_rows(path)] == [("1", "0")]
    np.savez(path, subject=["s1", "s2"], labels=[1], preds=[0])
    with pytest.raises(DataError, match="one value a prediction"):
        read_rows(path)
    np.savez(path, subject=np.array([{}], object), labels=[1])
    for content in (path.read_bytes(), b"nothing"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="plain arrays"):
            read_rows(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("subjekt,truth,pred\n1,a,a", "'subjekt' may be subject"),
        ("the subject id,truth,pred\n1,a,a", "'the subject id' may be subject"),
        ("subject,thruth,pred\n1,a,a", "'thruth' may be truth"),
        ("subject,truth,predction\n1,a,a", "'predction' may be predicted"),
        ("subject,truth,pred\n1,happy,0\n2,sad,1", "happy, sad as truth and 0, 1 as predictions"),
        ("subject,truth,pred\n1,Happy,happy\n2,Sad,sad", "'Happy' and 'happy', which may be one"),
        ("subject,truth,pred\n1,,a\n1,a,a", "1 lines with no value for truth"),
        ("subject,truth,p_a,p_b\n1,a,high,0.1", "'high', expected a number"),
        ("subject,truth,pred,epoch\n1,a,a,last", "'last', expected a number"),
        *(
            (f"subject,truth,pred,epoch\n1,a,a,{epoch}", f"the epoch '{epoch}', expected a number")
            for epoch in ("inf", "1e400", "-1", "1_0", "99999999")
        ),
        *(
            (f"subject,truth,p_a,p_b\n1,a,{score},0.1", f"'{score}', expected a number")
            for score in ("inf", "nan", "1_0", "0x1")
        ),
        (
            "subject,truth,pred\n1,a,nan\n1,a,a",
            "no value for predicted, the first is line 2 ('nan')",
        ),
        ("subject,truth,pred\n1,a,a\n\nNA,a,a", "no value for subject, the first is line 4 ('NA')"),
        ("subject,truth,pred,seed\n1,a,a,\n1,a,a,1", "no value for seed, the first is line 2"),
        ("subject,truth,pred\n1,a,a\n1,b", "line 3 has 2 cells, expected 3"),
        ("subject,subject,truth,pred\n1,2,a,a", "column 'subject' more than once"),
        ("subject,Person,truth,pred\n1,2,a,a\n1,3,a,a", "both may be the subject and differ"),
        ("subject,truth,p_a,prob_a,p_b\n1,a,1,1,0", "both scores of 'a'"),
        ("subject,truth,pred\n1,1,0.73\n1,0,1.0", "'0.73', which is a score"),
        ("subject,truth,pred,split\n1,a,a,train\n1,a,a,test", "1 lines of the part 'train'"),
        ("subject,label_a,label_b,pred\n1,1,1,a", "no value for truth"),
        (f"subject,truth,pred\n1,a,{'a' * 200_000}", "field limit"),
        ("subject,truth,pred\n1,up,up\n2,up,u", "ends with 'u', a part of"),
    ],
)
def test_near_misses_are_named(tmp_path, text, told):
    with pytest.raises(DataError) as error:
        rows_of(tmp_path, text)
    assert told in str(error.value)


def test_what_is_of_no_class_is_no_score_and_none_is_a_class_where_both_name_it(tmp_path):
    (row,) = rows_of(tmp_path, "subject,truth,pred,prob_max\n1,none,none,0.9")
    assert (row.truth, row.predicted, row.best) == ("none", "none", "")
    (row,) = rows_of(tmp_path, "sep=;\nsubject;truth;p_a;p_b;prob_max\n1;b;0,2;0,8;0,8", "q.csv")
    assert row.predicted == "b"


RECORDS = [{"subject": "s1", "clip": "v", "y_true": "happy", "y_pred": "sad"}]
COLUMNS = {name: [value] for name, value in RECORDS[0].items()}


@pytest.mark.parametrize(
    "found",
    [
        RECORDS,
        COLUMNS,
        {name: {"0": value[0]} for name, value in COLUMNS.items()},
        {"s1": {"clip": ["v"], "y_true": ["happy"], "y_pred": ["sad"]}},
        {"s1": [{"clip": "v", "y_true": "happy", "y_pred": "sad"}]},
    ],
)
def test_json_of_many_forms(tmp_path, found):
    assert rows_of(tmp_path, json.dumps(found), "p.json") == [ONE]
    assert rows_of(tmp_path, json.dumps(RECORDS[0]), "p.jsonl") == [ONE]
    by_line = "\n".join(json.dumps({**RECORDS[0], "clip": clip}) for clip in "vw")
    assert [row.clip for row in rows_of(tmp_path, by_line, "p.json")] == ["s1/v", "s1/w"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "3", "[" * 100_000, '{"subject":', '{"a": 1, "a": 2}', "[{}]", '{"s1": {"s2": {}}}'),
        '{"subject": ["1", "2"], "y_true": [0, 1], "y_pred": [0, null]}',
        '{"subject": ["1", "2"], "y_true": [0, 1], "y_pred": [0]}',
        '{"subject": ["1"], "y_true": [0], "y_pred": [{"a": 1}]}',
        '{"y_true": {"0": 0, "1": 1}, "y_pred": {"1": 1, "0": 0}, "subject": {"0": 1, "1": 2}}',
        '{"subject": ["1", "2"], "y_true": [[0], [0, 1]], "y_pred": [1, 0]}',
        '[{"subject": "1", "y_true": 0, "y_pred": 0}, {"subject": "2", "y_true": 0}]',
    ],
)
def test_json_that_is_something_else_is_refused(tmp_path, text):
    with pytest.raises(DataError):
        rows_of(tmp_path, text, "p.json")


def test_a_folder_of_folders_has_one_table_each_and_none_of_a_training(tmp_path):
    for name in ("s1", "s2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pred.csv").write_text("clip,truth,predicted\nv,happy,sad\n")
    assert [row.subject for row in read_rows(tmp_path)] == ["s1", "s2"]
    (tmp_path / "s2" / "all.csv").write_text("clip,truth,predicted\nv,happy,sad\n")
    with pytest.raises(DataError, match="s2 has 2 tables, expected one"):
        read_rows(tmp_path)
    (tmp_path / "s2" / "all.csv").replace(tmp_path / "s2_train.csv")
    with pytest.raises(DataError, match=r"s2_train\.csv is of a training"):
        read_rows(tmp_path)


def test_what_macos_adds_to_a_folder_is_no_table(tmp_path):
    (tmp_path / "s1.csv").write_text("subject,truth,predicted\ns1,a,b\ns1,b,b\n")
    (tmp_path / "._s1.csv").write_bytes(bytes(4096))
    (tmp_path / "__MACOSX").mkdir()
    assert [row.truth for row in read_rows(tmp_path)] == ["a", "b"]


def test_arrays_in_a_column_are_read_and_rows_of_no_class_are_not(tmp_path):
    path = tmp_path / "p.npz"
    np.savez(path, subject=np.array([b"s1", b"s2"]), y_true=[[0], [1]], y_pred=[[0], [1]])
    assert [(row.subject, row.truth, row.predicted) for row in read_rows(path)] == [
        ("s1", "0", "0"), ("s2", "1", "1"),
    ]  # fmt: skip
    np.savez(path, subject=["s1"], y_true=[[0, 0]], y_pred=[0])
    with pytest.raises(DataError, match="not one 1 among 0"):
        read_rows(path)
    np.savez_compressed(path, subject=np.zeros(30_000_000))
    with pytest.raises(DataError, match="more than 200 MB"):
        read_rows(path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_rows(tmp_path / "p.csv")


def test_a_whole_file_says_the_same_in_every_shape(tmp_path):
    rows = honest_results().rows
    folder = tmp_path / "folds"
    folder.mkdir()
    for row in rows:
        path = folder / f"{row.subject.replace('/', '_')}.csv"
        if not path.exists():
            path.write_text("subject;clip;truth;predicted\n")
        with path.open("a") as file:
            file.write(f"{row.subject};{row.clip};{row.truth};{row.predicted}\n")
    columns = {name: [getattr(row, name) for row in rows] for name in
               ("subject", "clip", "truth", "predicted")}  # fmt: skip
    np.savez(tmp_path / "p.npz", **columns)
    told = check_results(rows)
    for found in map(read_rows, (folder, tmp_path / "p.npz")):
        again = check_results(found)
        assert (again.findings, again.scores, again.clips) == ((), told.scores, told.clips)
