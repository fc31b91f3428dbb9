"""The audit on every planted leak: caught, or a limit that is said; and on the honest ground."""

import pytest
from tests.contracts.leaks import planted_leaks, published_leaks
from tests.contracts.leaks._ground import honest_case
from tests.contracts.leaks._published import honest_results

from openmer.evaluation import run_audit
from openmer.evaluation.audit._results import check_results
from openmer.evaluation.audit._results_table import Claim

LEAKS = planted_leaks()
PUBLISHED = published_leaks()


@pytest.fixture(name="honest", scope="session")
def _honest(tmp_path_factory):
    return honest_case(tmp_path_factory.mktemp("honest"))


@pytest.fixture(name="case")
def _case(tmp_path):
    return honest_case(tmp_path)


def leaks_of(case, **options):
    found = run_audit(case.task, case.fit, epoch_rule=case.epoch_rule, fresh=False, **options)
    return [finding for finding in found if finding.severity == "leak"]


def test_the_honest_ground_is_clean(honest):
    assert leaks_of(honest, subjects=0) == []


def test_there_are_enough_leaks_of_enough_kinds():
    every = {**LEAKS, **PUBLISHED}.values()
    assert len(every) >= 40
    assert len({module.KIND for module in every}) >= 12


@pytest.mark.parametrize("name", [name for name, one in LEAKS.items() if not hasattr(one, "LIMIT")])
def test_a_planted_leak_is_caught(name, case):
    planted = LEAKS[name].plant(case)
    full = getattr(LEAKS[name], "FULL", False)
    assert leaks_of(planted, subjects=0 if full else 3)


def checked(published):
    claims = [Claim(name=name, value=value) for name, value in published.claims.items()]
    return check_results(published.rows, published.splits, claims, published.truth)


def test_honest_published_results_are_clean():
    assert checked(honest_results()).findings == ()


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_results_that_are_wrong_are_caught_and_corrected(name):
    honest = honest_results()
    found = checked(PUBLISHED[name].publish(honest))
    assert not found.clean
    assert any(finding.corrected for finding in found.findings if finding.severity == "leak")
