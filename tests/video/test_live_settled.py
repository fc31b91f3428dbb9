"""What is told live is what the whole video gives, later by the time that a movement settles."""

from dataclasses import replace

import pytest
from tests.video.test_learned_spotter import face as brief_curves
from tests.video.test_mesh_spot import FPS, ROWS, bump, curves

from openmer.video import LearnedSpotter, LiveSettings, MotionSpotter
from openmer.video._live import Settled

ROWWISE = (
    "frames", "times_s", "regions_px", "head", "warp_px", "eyes", "matrices", "mesh_px", "signals",
    "brief_px",
)  # fmt: skip
LIVE = LiveSettings()


def seen_until(face, rows):
    """The face as it is known after so many frames."""
    return replace(face, **{name: getattr(face, name)[:rows] for name in ROWWISE})


def by_rules():
    moves = [("chin", 1, 1.8 * bump(2.5, 0.3)), ("left inner brow", 1, -1.5 * bump(6, 0.25))]
    return curves(moves)


def brief():
    """As `by_rules`, seen in the cells of the patch, too."""
    first, second = bump(2.5, 0.3), bump(6, 0.25)
    cells = [((7, 6), (0.6, -0.8), 1.5, first), ((1, 3), (0, -1), 1.5, second)]
    regions = [("left corner of the mouth", 1, first), ("right inner brow", 1, second)]
    return brief_curves(cells, regions)


@pytest.mark.parametrize(("spotter", "made"), [(MotionSpotter, by_rules), (LearnedSpotter, brief)])
def test_live_tells_the_same_movements_within_the_stated_delay(spotter, made):
    face = made()
    whole = [one for one in spotter()(face) if not one.gates]
    settled, told = Settled(spotter()), []
    for rows in range(FPS, ROWS + 1, round(FPS * LIVE.spot_every_s)):
        now_s = rows / FPS
        new = settled.told([seen_until(face, rows)], now_s - LIVE.settle_s)
        told += [(one, now_s) for _, one in new]
    told += [(one, ROWS / FPS) for _, one in settled.told([face], ROWS / FPS)]
    assert len(whole) == 2
    assert [one.kind for one, _ in told] == [one.kind for one in whole]
    for (live, at_s), one in zip(told, whole, strict=True):
        assert live.regions[0] == one.regions[0]
        for moment in ("onset_frame", "apex_frame", "offset_frame"):
            assert getattr(live, moment) == pytest.approx(getattr(one, moment), abs=1)
        assert live.offset_s + LIVE.settle_s <= at_s + 1 / FPS
        assert at_s <= live.offset_s + LIVE.settle_s + 2 * LIVE.spot_every_s
