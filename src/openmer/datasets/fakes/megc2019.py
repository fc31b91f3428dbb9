"""Fakes of the three parts of the MEGC 2019 composite, in one folder."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets import megc2019
from openmer.datasets._registry import facts
from openmer.datasets.fakes import casme2, samm, smic
from openmer.datasets.fakes._plan import FakePlan, full_plan, small_plan


def write(root: Path, plan: FakePlan) -> None:
    """Write every part in the variant that the composite is made of."""
    make = full_plan if plan.full else small_plan
    writers = {"casme2": casme2.write, "samm": samm.write, "smic": smic.write}
    for part, variant in megc2019.PARTS.items():
        folder = root / part
        folder.mkdir(parents=True, exist_ok=True)
        writers[part](folder, make(facts(part), variant, frames=plan.frames))
