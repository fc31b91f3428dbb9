"""Reports in every format: leaky is marked, nothing is loaded or forged, bytes repeat."""

import csv
import io
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import tomli_w
from rich.console import Console
from tests.evaluation.made_up_runs import CLASSES, make_predictions, make_run, write_run

from openmer.errors import DataError
from openmer.evaluation import load_run, write_predictions
from openmer.reports import _report as report
from openmer.reports import find_runs, render_terminal
from openmer.reports._rows import duration, large_number, leak_rows, ordered

HOSTILE = '<script>alert("x")</script> & 100% $_{#}~^\\ | [b] *c* \x1b[31mred\u202e\n| x'
DASH = "\N{EN DASH}"
VOID = {"meta", "br", "hr", "img", "link", "input"}


@pytest.fixture(scope="module")
def runs():
    seeds = {"seeds": (0, 1, 2)}
    return [
        make_run(predictions={"skill": 2.0} | seeds, epoch_rule="held_out", leaky=True),
        make_run(predictions={"skill": 1.4} | seeds),
        make_run(predictions={"skill": 1.45} | seeds, epoch_rule="inner"),
        make_run(predictions={"skill": 1.6, "draw": 3}, method="svm", title="Flow + SVM"),
    ]


@pytest.fixture(scope="module")
def honest(runs):
    return [run for run in runs if not run[0].leaky]


def terminal(runs, width=100):
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(render_terminal(runs))
    return console.export_text()


FORMATS = {
    "html": report.render_html,
    "markdown": report.render_markdown,
    "csv": report.render_csv,
    "latex": report.render_latex,
    "terminal": terminal,
}


class Page(HTMLParser):
    """Checks that every element is closed in order, and keeps tags, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.ids, self.words = [], [], [], set(), []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids |= {value for name, value in attrs if name == "id"}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("name", FORMATS)
def test_leaky_is_marked_in_every_format(name, runs, honest):
    leaky, clean = FORMATS[name](runs), FORMATS[name](honest)
    assert "LEAKY" in leaky
    published = r"<section id=\"published.*?</section>|## Published numbers.*"
    assert "LEAKY" not in re.sub(published, "", clean, flags=re.S)
    if name != "csv":
        assert "A leaky run has seen" in " ".join(leaky.split())
    value = f"{runs[0][1].uf1:.3f}"
    lines = [line for line in leaky.splitlines() if value in line]
    assert lines


def test_every_line_with_leaky_scores_says_so(runs):
    value = f"{runs[0][1].uf1:.3f}"
    for render in (report.render_markdown, report.render_latex, report.render_csv):
        for line in render(runs).splitlines():
            if f" {value} " in line or f",{value}" in line:
                assert "LEAKY" in line or "+0." in line


def test_a_run_may_leak_by_other_ways_than_the_epoch():
    run = make_run(leaky=True, title="Tuned on test")
    for render in FORMATS.values():
        assert "LEAKY" in render([run])


def test_a_run_from_weights_that_have_seen_tested_subjects_says_whom(runs):
    subjects = tuple(f"casme2/sub0{number}" for number in range(1, 6))
    run = make_run(leaky=True, seen_subjects=subjects)
    said = (
        "made on pictures of 5 of 68 tested subjects: casme2/sub01, casme2/sub02, casme2/sub03, 2 "
        "more."
    )
    for name in ("html", "markdown", "latex", "terminal"):
        assert said in " ".join(FORMATS[name]([run]).replace("\\_", "_").split())
    tuned = make_run(leaky=True, seen_subjects=subjects, epoch_rule="held_out")
    assert leak_rows([run, tuned]) == []


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_runs_give_the_same_text(name, runs):
    assert FORMATS[name](runs) == FORMATS[name](runs)


def test_the_page_is_whole_and_loads_nothing(runs):
    text = report.render_html(runs)
    page = Page(text)
    assert page.tags.count("html") == 1
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(page.tags)
    for name, value in page.attributes:
        assert name != "src"
        assert not name.startswith("on")
        if name == "href":
            assert value.startswith("#")
            assert value[1:] in page.ids
    assert not re.search(r"https?:|url\(|@import", text)
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_the_page_can_be_read_by_ear(runs):
    text = report.render_html(runs)
    assert '<html lang="en">' in text
    for svg in re.findall(r"<svg[^>]*>", text):
        assert "aria-label" in svg or svg == "<svg>"
    assert 'class="forest" role="img" aria-label="UF1 of every run' in text
    for header in re.findall(r"<th\b[^>]*>", text):
        assert "scope=" in header


def test_honest_and_leaky_stand_side_by_side(runs):
    (row,) = leak_rows(runs)
    better = max(runs[1][1].uf1, runs[2][1].uf1)
    assert row.held_out == f"{runs[0][1].uf1:.3f}"
    assert row.gain == f"{runs[0][1].uf1 - better:+.3f}"
    for name in ("html", "markdown", "terminal"):
        assert row.gain in FORMATS[name](runs)


def test_runs_that_differ_in_more_than_the_rule_are_not_set_side_by_side(runs):
    other = make_run(epoch_rule="fixed", method_table={"training": {"epochs": 5}})
    assert leak_rows([runs[0], other]) == []
    named = [
        make_run(epoch_rule=rule, leaky=rule == "held_out", method_table={"epoch_rule": rule})
        for rule in ("fixed", "held_out")
    ]
    assert [row.gain for row in leak_rows(named)] == ["+0.000"]
    assert leak_rows([runs[0], runs[1], runs[1]]) == []


def test_honest_runs_come_first(runs):
    assert [info.epoch_rule for info, _ in ordered(runs)] == ["fixed", "inner", "held_out", "fixed"]


def test_published_numbers_stand_beside_the_composite_only(runs):
    synthetic = make_run(predictions={"corpora": {"synthetic": (8, (9, 9, 9))}})
    for name in ("html", "markdown"):
        assert "MERASTC" in FORMATS[name](runs)
        assert "impossible" in FORMATS[name](runs)
        assert "held-out subject" in FORMATS[name](runs)
        alone = FORMATS[name]([synthetic])
        assert "MERASTC" not in alone
        assert "not that composite" in alone


def test_hostile_names_stay_text():
    run = make_run(
        title=HOSTILE,
        device=HOSTILE,
        command=HOSTILE,
        method_table={"a": HOSTILE},
        epoch_rule="inner",
    )
    page = report.render_html([run])
    assert "<script" not in page
    assert "alert(" in "".join(Page(page).words)
    markdown = report.render_markdown([run])
    assert "<script" not in markdown
    headline = next(line for line in markdown.splitlines() if "alert" in line)
    assert len(re.findall(r"(?<!\\)\|", headline)) == 10
    assert r"\*c\*" in headline
    for text in (page, markdown, terminal([run]), report.render_latex([run])):
        assert "\x1b" not in text
        assert "\u202e" not in text
    (row, *_) = csv.DictReader(io.StringIO(report.render_csv([run])))
    assert row["title"].startswith("<script>")


def test_hostile_names_do_not_break_latex():
    text = report.render_latex([make_run(title=HOSTILE)])
    assert r"100\% \$\_\{\#\}\textasciitilde{}\textasciicircum{}\textbackslash{} \textbar{}" in text
    assert "{[}b{]} {*}c{*}" in text
    bare = re.sub(r"\\[{}\\]", "", text)
    assert bare.count("{") == bare.count("}")
    for environment in ("table", "tabular"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}") == 3
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {6}
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 3
    assert text.isascii()


def test_a_spreadsheet_takes_no_name_for_a_formula():
    (row, *_) = csv.DictReader(io.StringIO(report.render_csv([make_run(title="=1+1")])))
    assert row["title"] == "'=1+1"


def test_the_sheet_holds_every_number(runs):
    rows = list(csv.DictReader(io.StringIO(report.render_csv(runs))))
    assert len(rows) == 4 * len(runs)
    full = next(row for row in rows if row["protocol"] == "LEAKY" and row["part"] == "full")
    summary = runs[0][1]
    assert float(full["uf1"]) == pytest.approx(summary.uf1, abs=1e-6)
    assert float(full["uf1_high"]) == pytest.approx(summary.scores["uf1"].high, abs=1e-6)
    assert float(full["uf1_sd"]) == pytest.approx(summary.scores["uf1"].sd, abs=1e-6)


@pytest.mark.parametrize("width", [80, 100])
def test_the_terminal_table_fits(width, runs):
    text = terminal(runs, width)
    assert max(len(line) for line in text.splitlines()) <= width
    for _, summary in runs:
        found = summary.scores["accuracy"]
        assert f"{found.low:.3f}\N{EN DASH}{found.high:.3f}" in text


def test_a_small_run_has_a_report_without_intervals():
    corpora = {"a": (4, (9, 9, 9)), "b": (1, (4, 4))}
    run = make_run(predictions={"corpora": corpora}, command="", method_table={}, data={})
    for render in FORMATS.values():
        assert render([run])
    for render in (report.render_html, report.render_markdown):
        assert "Classes it lacks" in render([run])
    assert 'data-label="Classes it lacks"><span>surprise' in report.render_html([run])


def test_a_run_on_shuffled_labels_says_so_and_is_no_result(runs):
    control = make_run(shuffled_labels=True, predictions={"skill": 2.5})
    for render in FORMATS.values():
        assert "on shuffled labels" in " ".join(render([control]).split())
    page = report.render_html([*runs, control])
    assert "on shuffled labels: UF1" not in page
    assert "no honest run" in report.render_html([control])
    assert "MERASTC" not in report.render_html([control])


FAILED = (
    {"clip": "smic/s1/a", "step": "read", "reason": "img1.jpg is <b>cut off</b>\x1b[31m."},
    {"clip": "samm/006/b", "step": "align", "reason": "No face was found."},
    {"clip": "samm/006/c", "step": "align", "reason": "No face was found."},
)


@pytest.mark.parametrize("name", FORMATS)
def test_clips_that_could_not_be_prepared_are_counted_wherever_scores_are_shown(name, runs):
    said = "3 of 445 clips could not be prepared: 2 at the step 'align', 1 at the step 'read'."
    lost = make_run(failures=FAILED, lost_subjects=("samm/006",))
    for together in ([lost], [lost, runs[3]]):
        text = FORMATS[name](together)
        if name == "csv":
            rows = list(csv.DictReader(io.StringIO(text)))
            assert [row["failed_clips"] for row in rows[:4]] == ["3", "0", "2", "1"]
            continue
        text = " ".join(text.replace("&#39;", "'").split())
        assert said in text
        assert "The scores are of the other 442." in text
        assert "Lost with all their clips, and in no score: samm/006." in text
        assert ("STSTNet, last epoch: 3 of 445" in text) == (len(together) > 1)
    assert "could not be prepared" not in FORMATS[name](runs)


def test_the_page_lists_each_clip_with_its_reason():
    page = Page(report.render_html([make_run(failures=FAILED)]))
    words = " ".join(" ".join(page.words).split())
    assert "Nothing was trained or tested on 3 of 445 clips." in words
    assert "samm/006/b align No face was found." in words
    assert "img1.jpg is <b>cut off</b> [31m." in words


def test_a_corpus_that_is_not_whole_is_named():
    source = {
        "kind": "corpus", "title": "CASME II", "clips": 253, "clips_expected": 255,
        "subjects": 26, "subjects_expected": 26, "differences": ["a", "b"],
    }  # fmt: skip
    said = "The copy of CASME II is not whole: 253 clips, expected 255; 2 differences in all."
    for name in ("html", "markdown", "latex", "terminal"):
        assert said in " ".join(FORMATS[name]([make_run(source=source)]).split())
        whole = {**source, "clips": 255, "differences": []}
        assert "not whole" not in FORMATS[name]([make_run(source=whole)])


def test_a_folder_of_a_run_is_loaded(tmp_path):
    info, summary = make_run(predictions={"seeds": (0, 1)}, draws=2000)
    for seed in (0, 1, 2):
        rows = make_predictions(seeds=(seed,))[: 442 if seed < 2 else 9]
        write_predictions(tmp_path / f"folds/seed{seed}/all.parquet", rows, CLASSES)
    record = info.model_dump()
    tables = {name: record.pop(name) for name in ("data", "versions")}
    tables["method"] = record.pop("method_table")
    record |= {"classes": list(info.classes), "seeds": list(info.seeds)}
    text = tomli_w.dumps({"run": record, **tables})
    (tmp_path / "run.toml").write_text(text, encoding="utf-8")
    assert load_run(tmp_path) == (info, summary)


def test_all_files_are_written_and_repeat(tmp_path, runs):
    paths = report.write_report(tmp_path / "new", runs)
    assert {name: path.name for name, path in paths.items()} == {
        name: f"report.{name}" for name in ("html", "md", "csv", "tex")
    }
    before = {name: path.read_bytes() for name, path in paths.items()}
    report.write_report(tmp_path / "new", runs)
    assert {name: path.read_bytes() for name, path in paths.items()} == before
    assert len(list((tmp_path / "new").iterdir())) == 4


def test_no_run_and_a_record_that_does_not_fit_are_refused(tmp_path):
    with pytest.raises(DataError, match="no run to report"):
        report.write_report(tmp_path, [])
    with pytest.raises(DataError, match=r"The record of STSTNet says"):
        report.write_report(tmp_path, [make_run(clips=441)])
    assert list(tmp_path.iterdir()) == []


def test_unfinished_and_damaged_runs_are_listed_and_the_others_reported(tmp_path):
    for name in ("whole", "damaged", "unfinished", "no-record"):
        write_run(tmp_path / "runs" / name)
    (fold,) = (tmp_path / "runs/damaged").rglob("*.parquet")
    fold.write_bytes(fold.read_bytes()[:-9])
    record = tmp_path / "runs/unfinished/run.toml"
    record.write_text(record.read_text().replace("seeds = [\n    0,\n]", "seeds = []"))
    (tmp_path / "runs/no-record/run.toml").unlink()
    runs, left_out = find_runs([tmp_path / "runs"])
    assert len(runs) == 1
    assert [Path(text.split()[0]).relative_to(tmp_path / "runs").parts[0] for text in left_out] == [
        "damaged", "no-record", "unfinished",
    ]  # fmt: skip
    paths = report.write_report(tmp_path / "out", runs, left_out)
    assert all("no-record" in paths[name].read_text() for name in ("md", "html"))
    shutil.rmtree(tmp_path / "runs/whole")
    with pytest.raises(DataError, match=r"There is no run in .* finished and whole"):
        find_runs([tmp_path / "runs"])


def test_numbers_are_written_for_people():
    assert [large_number(n) for n in (0, 1670, 867_000, 999_600, 43_700_000, None)] == [
        *(DASH, "1670", "867 k", "1 M", "43.7 M", DASH),
    ]
    assert [duration(s) for s in (0.42, 12, 250, 59.7, 12_000)] == [
        *("0.4 s", "12 s", "4 min 10 s", "1 min 0 s", "3 h 20 min"),
    ]


def test_judging_results_loads_no_torch():
    names = "evaluation._summary evaluation._predictions reports._published reports._report"
    modules = "; ".join(f"import openmer.{name}" for name in names.split())
    code = f"import sys; {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_terminal_of_80_columns_shows_the_whole_time(runs):
    lines = terminal(runs, 80).splitlines()
    assert sum(line.rstrip().endswith(duration(runs[0][0].seconds)) for line in lines) == len(runs)
    assert max(map(len, lines)) <= 80
