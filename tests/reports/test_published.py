"""The published numbers are whole, sourced, and shown only beside runs on the same task."""

from tests.evaluation.made_up_runs import make_run

from openmer.reports import published_results
from openmer.reports._published import SOURCES, composite_results, is_composite


def test_every_number_has_a_reference_and_a_sensible_size():
    for found in published_results():
        assert found.source in SOURCES, found
        assert found.epoch_rule in {"fixed", "held_out", "none", "unknown"}
        assert found.kind in {"result", "ablation"}
        assert ".txt" not in found.source
        for score in (found.uf1, found.uar, found.accuracy):
            assert score is None or 0 < score < 1.2
    assert len(published_results()) == 122


def test_an_impossible_recall_is_noted():
    impossible = [found for found in published_results() if (found.uar or 0) > 1]
    assert len(impossible) == 7
    assert all("UAR above 1 is impossible" in found.note for found in impossible)


def test_composite_results_are_sorted_and_listed_once():
    full = composite_results()
    assert [found.uf1 for found in full] == sorted((f.uf1 for f in full), reverse=True)
    assert len({found.method for found in full}) == len(full)
    ststnet = next(found for found in full if found.method == "STSTNet")
    assert (ststnet.uf1, ststnet.uar, ststnet.parameters) == (0.7353, 0.7605, 1670)
    dense = next(found for found in full if found.method == "Dense + mixed attention")
    assert (dense.parameters, dense.note) == (3115000, "447 clips, not the official 442")
    assert not any(found.method.startswith("MobileViT") for found in full)
    assert len(composite_results("samm")) == 12


def test_only_the_composite_is_the_composite():
    assert is_composite(make_run()[1])
    assert not is_composite(make_run(predictions={"corpora": {"synthetic": (8, (9, 9, 9))}})[1])
    swapped = {"casme2": (24, (88, 32, 25)), "smic": (28, (92, 26, 15)), "samm": (16, (70, 51, 43))}
    assert not is_composite(make_run(predictions={"corpora": swapped})[1])
