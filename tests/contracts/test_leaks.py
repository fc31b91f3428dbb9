"""The audit on every planted leak: caught, or a limit that is said; and on the honest ground."""

import importlib.util
from pathlib import Path

import pytest
from tests.contracts.leaks import planted_leaks, published_leaks
from tests.contracts.leaks._ground import copied, honest_case
from tests.contracts.leaks._published import honest_results

from openmer.evaluation import LIMITS, run_audit
from openmer.evaluation.audit._results import check_results
from openmer.evaluation.audit._results_table import Claim

LEAKS = planted_leaks()
PUBLISHED = published_leaks()
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(name="honest", scope="session")
def _honest(tmp_path_factory):
    return honest_case(tmp_path_factory.mktemp("honest"))


@pytest.fixture(name="case")
def _case(honest, tmp_path):
    return copied(honest, tmp_path)


def found_in(case, **options):
    told = {"fresh": False, "images": case.images, "epoch_rule": case.epoch_rule} | options
    return run_audit(case.task, case.fit, **told)


def leaks_of(case, **options):
    return [finding for finding in found_in(case, **options) if finding.severity == "leak"]


def test_the_honest_ground_is_clean(honest):
    assert found_in(honest, subjects=0, fresh=True) == []


def test_there_are_enough_leaks_of_enough_kinds():
    every = {**LEAKS, **PUBLISHED}.values()
    assert len(every) >= 163
    assert len({module.KIND for module in every}) >= 13
    seen = [module for module in every if not hasattr(module, "LIMIT")]
    assert len(seen) >= 148


@pytest.mark.parametrize("name", [name for name, one in LEAKS.items() if not hasattr(one, "LIMIT")])
def test_a_planted_leak_is_caught(name, case):
    leak = LEAKS[name]
    full, fresh = (getattr(leak, option, False) for option in ("FULL", "FRESH"))
    subjects = 0 if full else 1 if leak.BY == "copies" else 3  # copies need no training
    try:
        found = found_in(leak.plant(case), subjects=subjects, fresh=fresh)
    finally:
        getattr(leak, "undo", lambda: None)()
    worst = "note" if getattr(leak, "NOTED", False) else "leak"
    assert leak.BY in {finding.check for finding in found if finding.severity == worst}


def test_a_leak_that_leaves_a_folder_behind_removes_it(case):
    leak = LEAKS["data_in_a_folder_of_libraries"]
    folder = leak.plant(case).fit.path.parent
    assert folder.is_dir()
    leak.undo()
    assert not folder.exists()


@pytest.mark.parametrize("name", [name for name, one in LEAKS.items() if hasattr(one, "LIMIT")])
def test_what_the_audit_cannot_see_is_said_beside_its_verdict(name):
    assert any(LEAKS[name].LIMIT in limit for limit in LIMITS)


def checked(published):
    claims = [Claim(name=name, value=value) for name, value in published.claims.items()]
    return check_results(published.rows, published.splits, claims, published.truth)


def test_honest_published_results_are_clean():
    assert checked(honest_results()).findings == ()


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_results_that_are_wrong_are_caught_and_corrected(name):
    honest = honest_results()
    found = checked(PUBLISHED[name].publish(honest))
    noted = getattr(PUBLISHED[name], "NOTED", False)
    worst = "note" if noted else "leak"
    leaks = [finding for finding in found.findings if finding.severity == worst]
    assert PUBLISHED[name].BY in {finding.check for finding in leaks}
    assert noted or any(
        finding.corrected or "cannot be corrected" in finding.message for finding in leaks
    )


def test_the_page_of_leaks_is_that_of_the_suite():
    path = DOCS / "make_leaks.py"
    specification = importlib.util.spec_from_file_location("make_leaks", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), (
        "run: python docs/make_leaks.py"
    )
