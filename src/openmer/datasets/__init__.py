"""A dataset is the tuple of clips its authors annotated: never pixels, never our classes.

`load_clips` and `load_images` read a corpus that lies on this machine, `check` says what is wrong
with it, `facts` how to ask for it. A manifest (`manifest.read_manifest`) brings one's own clips.
"""

from openmer.datasets import (
    affectnet,
    casme2,
    casme3,
    casme_squared,
    ckplus,
    fer2013,
    fourdme,
    jaffe,
    megc2019,
    mmew,
    mug,
    oulu_casia,
    rafdb,
    samm,
    samm_long,
    smic,
)
from openmer.datasets._facts import CorpusFacts, Counts, Options, options_of
from openmer.datasets._reading import Problem, Reading
from openmer.datasets._registry import (
    check,
    examine,
    facts,
    list_datasets,
    load,
    load_clips,
    load_images,
    parts_of,
)

__all__ = [
    "CorpusFacts",
    "Counts",
    "Options",
    "Problem",
    "Reading",
    "affectnet",
    "casme2",
    "casme3",
    "casme_squared",
    "check",
    "ckplus",
    "examine",
    "facts",
    "fer2013",
    "fourdme",
    "jaffe",
    "list_datasets",
    "load",
    "load_clips",
    "load_images",
    "megc2019",
    "mmew",
    "mug",
    "options_of",
    "oulu_casia",
    "parts_of",
    "rafdb",
    "samm",
    "samm_long",
    "smic",
]
